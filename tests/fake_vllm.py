"""`vllm run-batch` as its source says, without a model: `python tests/fake_vllm.py [options] run-batch -i … -o …`.

All lines are checked before anything is written; output is written in the order of the input and flushed as it
goes; a request that failed is a line of the same file, and the run goes on. `--die N` ends it by SIGKILL behind
N lines and the half of another, `--meet FIFO` waits there until somebody opens the FIFO to write.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
from pathlib import Path

OWN = argparse.ArgumentParser()
OWN.add_argument("--die", type=int)
OWN.add_argument("--meet")
OWN.add_argument("command", choices=["run-batch"])
OWN.add_argument("-i", required=True)
OWN.add_argument("-o", required=True)
OWN.add_argument("--model", required=True)
OWN.add_argument("--max-model-len", type=int)


def checked(line: str) -> dict:
    row = json.loads(line)
    assert row.keys() == {"custom_id", "method", "url", "body"}, row.keys()
    assert row["method"] == "POST", row["method"]
    assert row["url"] == "/v1/chat/completions", row["url"]
    return row


def answer(row: dict, model: str) -> dict:
    line = {"id": f"vllm-{row['custom_id']}", "custom_id": row["custom_id"], "error": None}
    question = row["body"]["messages"][-1]["content"].split()[-1]
    if row["body"]["model"] != model or question == "bad":
        error = {"message": f"The model cannot answer {question}", "type": "BadRequestError", "code": 400}
        return line | {"response": {"status_code": 400, "request_id": "r", "body": None}, "error": error}
    message = {"role": "assistant", "content": f"answer to {question}"}
    body = {
        "model": model,
        "choices": [{"message": message, "finish_reason": "stop"}],
        "usage": {"total_tokens": 3},
    }
    return line | {"response": {"status_code": 200, "request_id": "r", "body": body}}


def main() -> None:
    args = OWN.parse_args()
    int(os.environ.get("VERBOSE", "0"))  # as the real one does, which an empty one ends
    print(f"loading {args.model} …", flush=True)
    lines = Path(args.i).read_text("utf-8").split("\n")
    rows = [checked(line) for line in lines if line]
    with Path(args.o).open("w", encoding="utf-8") as output:
        for number, row in enumerate(rows):
            line = json.dumps(answer(row, args.model))
            if number == args.die:
                output.write(line[: len(line) // 2])
                output.flush()
                if args.meet:
                    Path(args.meet).read_bytes()
                print("torch.cuda.OutOfMemoryError: \x1b[31mout of memory", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
            output.write(line + "\n")
            output.flush()


if __name__ == "__main__":
    main()
