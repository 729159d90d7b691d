#!/usr/bin/env bash
# Surprise: ttconv writes `<` and `&` into WebVTT as they are. What it wrote from a valid file loses words in the next
#   program that reads it, ttconv too: `a < b and c > d` has a tag in the middle.
# Version: ttconv 1.2.3 (the format wants &lt; and &amp; in cue text; the same program reads them right).
# What happens: `if a &lt; b and c &gt; d, stop` through `tt convert` to WebVTT is `if a < b and c > d, stop`; that file
#   through `tt convert` to SRT is `if a d, stop`. From SRT, where nothing is escaped, it is the same.
#   webvtt-py 0.6.0 reads what ttconv wrote as `if a  d, stop`; pycaption 2.3.14 keeps all words.
# Why it matters: talks on programming, mathematics and prices (`<5 % of > 100`) lose the half of a sentence in silence.
set -euo pipefail
(($#)) || set -- ttconv==1.2.3

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
cd "$temp"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "$1" webvtt-py==0.6.0 pycaption==2.3.14
printf 'WEBVTT\n\n00:00:01.000 --> 00:00:03.000\nif a &lt; b and c &gt; d, stop\n' >a.vtt
printf '1\n00:00:01,000 --> 00:00:03,000\nif a < b and c > d, stop\n' >a.srt
convert() { venv/bin/tt convert -i "$1" -o "$2" >/dev/null 2>log || { cat log; exit 1; }; }
text() { awk '/-->/ {text = 1; next} /^$/ {text = 0} text' "$1" | sed 's/<\/*c[^>]*>//g'; }
convert a.vtt once.vtt
convert once.vtt twice.srt
convert a.srt from_srt.vtt
failed=0
check() { echo "  $1: $2"; [[ $2 == "$3" ]] || { echo "  CHANGED, was: $3"; failed=1; }; }
echo "$1"
check 'VTT to VTT' "$(text once.vtt)" 'if a < b and c > d, stop'
check 'and to SRT' "$(text twice.srt)" 'if a d, stop'
check 'SRT to VTT' "$(text from_srt.vtt)" 'if a < b and c > d, stop'
check 'webvtt-py' "$(venv/bin/python -c 'import webvtt; print(webvtt.read("once.vtt")[0].text)')" 'if a  d, stop'
check 'pycaption' "$(venv/bin/python -c '
from pycaption import WebVTTReader
print(WebVTTReader().read(open("once.vtt").read()).get_captions("en-US")[0].get_text())')" 'if a < b and c > d, stop'
exit $failed
