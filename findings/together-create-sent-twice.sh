#!/usr/bin/env bash
# Surprise: with `max_retries=0` the together SDK still POSTs a batch create a second time, if the first is answered
#   by a 307 or 308: one call of batches.create, two paid jobs. After a 302 or 303 the call ends as a GET of the other
#   address, and what comes back is given to the caller as the created job.
# Version: together 3.1.1 (its HTTP client is built with follow_redirects=True; retries and redirects are two switches).
# What happens, by the status that answers POST /v1/batches with `Location: /elsewhere`:
#   307, 308: POST /v1/batches, POST /elsewhere: the SDK returns the second job
#   302, 303: POST /v1/batches, GET /elsewhere
#   500:      POST /v1/batches, and an error (this is what max_retries=0 is for; without it three POSTs are sent)
# Why it matters: a gateway that has accepted the create and then redirects (to a region, a login page, a path with
#   a slash) makes a second job that nobody asked for; the first one's id is never seen.
# What helps: httpx.Client(follow_redirects=False) as http_client, which other calls then have to do without, since
#   uploads and downloads of this service need redirects: set `.follow_redirects` around the create alone.
set -euo pipefail
(($#)) || set -- together==3.1.1

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
cd "$temp"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "$1"
cat >probe.py <<'END'
import json, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from together import Together

seen = []


class Service(BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        seen.append(f"{self.command} {self.path}")
        status = int(sys.argv[1]) if self.path == "/v1/batches" else 200
        number = len(seen)
        body = json.dumps({"job": {"id": f"batch-{number}", "status": "VALIDATING"}}).encode()
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET = answer

    def log_message(self, *words):
        pass


server = HTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
retries = {} if sys.argv[2] == "default" else {"max_retries": int(sys.argv[2])}
client = Together(api_key="k", base_url=f"http://127.0.0.1:{server.server_port}", **retries)
try:
    done = client.batches.create(input_file_id="file-1", endpoint="/v1/chat/completions")
    end = done.job.id
except Exception as error:
    end = type(error).__name__
print(", ".join(seen), "->", end)
END
failed=0
check() {
  local seen
  seen=$(env -u http_proxy -u https_proxy -u all_proxy venv/bin/python probe.py "$1" "$2")
  echo "  $1, max_retries $2: $seen"
  [[ $seen == "$3" ]] || { echo "  CHANGED, was: $3"; failed=1; }
}
echo "$1"
check 307 0 "POST /v1/batches, POST /elsewhere -> batch-2"
check 308 0 "POST /v1/batches, POST /elsewhere -> batch-2"
check 302 0 "POST /v1/batches, GET /elsewhere -> batch-2"
check 303 0 "POST /v1/batches, GET /elsewhere -> batch-2"
check 500 0 "POST /v1/batches -> InternalServerError"
check 500 default "POST /v1/batches, POST /v1/batches, POST /v1/batches -> InternalServerError"
exit $failed
