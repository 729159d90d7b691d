#!/usr/bin/env bash
# Surprise: webvtt-py gives a cue in which two people speak one voice, the first: the answer is put into the mouth of
#   the one who asked. pysubs2 drops the names, keeps entities as they are written, and keeps times inside a cue as text.
# Versions: webvtt-py 0.6.0, pysubs2 1.8.1.
# What happens with `<v Ruth>Did it burn?</v> <v Amos>It did.</v>`, which the format allows:
#   webvtt-py: voice "Ruth", text "Did it burn? It did." Amos is only in raw_text. `&lt;` stays `&lt;` in text.
#   pysubs2:   plaintext "Did it burn? It did."; `Two &lt; three` stays so, in SRT too, which has no entities;
#              `barn <00:00:10.000>burned` keeps the clock among the words, in plaintext and in SRT.
# Why it matters: a transcript that is read with .voice and .text attributes words to the wrong person, without an error.
set -euo pipefail
(($#)) || set -- webvtt-py==0.6.0 pysubs2==1.8.1

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
cd "$temp"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "$@"
cat >a.vtt <<'END'
WEBVTT

00:00:07.000 --> 00:00:09.000
<v Ruth>Did it burn?</v> <v Amos>It did.</v>

00:00:09.000 --> 00:00:11.000
Two &lt; three, and the barn <00:00:10.000>burned.
END
failed=0
check() {
  local seen
  seen=$(venv/bin/python -c "$2")
  echo "  $1: $seen"
  [[ $seen == "$3" ]] || { echo "  CHANGED, was: $3"; failed=1; }
}
echo "$*"
check 'webvtt-py, voice and text' 'import webvtt; cue = webvtt.read("a.vtt")[0]; print(cue.voice, "|", cue.text)' \
  'Ruth | Did it burn? It did.'
check 'webvtt-py, entities' 'import webvtt; print(webvtt.read("a.vtt")[1].text)' \
  'Two &lt; three, and the barn burned.'
check 'pysubs2, plaintext' 'import pysubs2; print(*(e.plaintext for e in pysubs2.load("a.vtt")), sep=" | ")' \
  'Did it burn? It did. | Two &lt; three, and the barn <00:00:10.000>burned.'
check 'pysubs2, as SRT' 'import pysubs2; print(pysubs2.load("a.vtt").to_string("srt").split("\n")[6])' \
  'Two &lt; three, and the barn <00:00:10.000>burned.'
exit $failed
