#!/usr/bin/env bash
# Surprise: ttconv turns valid WebVTT into SRT with words twice, with words missing, and without speakers.
# Version: ttconv 1.2.3 (`tt convert`).
# What happens, one cue each:
#   a time inside a cue (`The old barn <00:00:10.000>burned.`, karaoke and word timing): two SRT cues, the first with the
#     words before it, the second with ALL words: a reader that joins cues has "The old barn" twice. Of n times come
#     n + 1 cues: the words of a cue that is timed word by word grow with their square.
#   ruby (`<ruby>orchard<rt>ko-en</rt></ruby> at five`): the base text "orchard" is gone too, and only " at five" is left.
#   `<v Ruth>`: the name is nowhere, also where the other format has a place for it (VTT to VTT).
# Exit code 0, nothing on the standard error but the bar. A transcript that went through it once cannot be mended.
set -euo pipefail
(($#)) || set -- ttconv==1.2.3

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
cd "$temp"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "$1"
cue() { printf 'WEBVTT\n\n00:00:09.000 --> 00:00:12.000\n%s\n' "$1" >in.vtt; }
words() { # the texts of the cues, with | between them
  venv/bin/tt convert -i in.vtt -o "out.$1" >/dev/null 2>log || { cat log; exit 1; }
  awk '/-->/ {text = 1; next} /^$/ {text = 0} text {gsub(/<[^>]*>/, ""); printf "%s%s", n++ ? " | " : "", $0}' "out.$1"
}
failed=0
check() {
  cue "$2"
  local seen
  seen=$(words "$1")
  echo "  $2 -> $1: $seen"
  [[ $seen == "$3" ]] || { echo "  CHANGED, was: $3"; failed=1; }
}
echo "$1"
check srt 'The old barn <00:00:10.000>burned.' 'The old barn | The old barn burned.'
check srt 'One <00:00:10.000>two <00:00:11.000>three.' 'One | One two | One two three.'
check srt '<ruby>orchard<rt>ko-en</rt></ruby> at five' ' at five'
check srt '<v Ruth>Good morning.' 'Good morning.'
check vtt '<v Ruth>Good morning.' 'Good morning.'
exit $failed
