"""One plugin is loaded, and what is wrong with it is said in a line."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.hookspecs import GROUP
from pipeline.plugins import find as plugins
from pipeline.provider import Provider


@pytest.fixture
def plugin(monkeypatch, tmp_path):
    """`plugin(source)` installs a distribution with a provider `acme` of that source beside the built-in ones."""

    def install(source, name="acme"):
        monkeypatch.syspath_prepend(tmp_path)
        (tmp_path / "batch_acme.py").write_text(source)
        info = tmp_path / "batch_acme-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: batch-acme\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = batch_acme\n")
        monkeypatch.delitem(sys.modules, "batch_acme", raising=False)

    return install


HOOK = "from pipeline.hookspecs import hookimpl\n@hookimpl\ndef batch_provider():\n    return "


def test_the_built_in_ones_are_plugins_like_any_other():
    assert {"together", "local"} <= {point.name for point in plugins.available()}
    for name in ("together", "local"):
        assert isinstance(plugins.provider(name), Provider)
        assert plugins.provider(name).name == name


def test_a_third_party_plugin_loads(plugin):
    plugin("from providers.local import Local\nclass Acme(Local):\n    name = 'acme'\n" + HOOK + "Acme()\n")
    assert plugins.provider("acme").name == "acme"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import not_installed_anywhere\n", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
        ("raise SystemError('\\x1b[2J boom')\n", r"SystemError: \u001b[2J boom"),
        (HOOK + "7\n", "gave int, not a pipeline.provider.Provider"),
        ("x = 1\n", "gave NoneType"),
        (HOOK.replace("batch_provider", "batch_providr") + "7\n", "does not load"),
    ],
)
def test_a_broken_plugin_is_said_and_disturbs_nobody(source, why, plugin):
    plugin(source)
    assert isinstance(plugins.provider("together"), Provider)
    with pytest.raises(InputError) as error:
        plugins.provider("acme")
    assert "'acme'" in str(error.value)
    assert why in str(error.value)


def test_a_plugin_cannot_take_the_name_of_another(plugin):
    plugin(HOOK + "7\n", name="together")
    with pytest.raises(InputError, match="2 plugins call themselves 'together'"):
        plugins.provider("together")


def test_a_missing_plugin_lists_the_others():
    with pytest.raises(InputError, match="no provider 'nope' is installed; `make providers` lists"):
        plugins.provider("nope")


def test_available_imports_nothing():
    assert all(isinstance(point, EntryPoint) for point in plugins.available())


def test_the_table_says_what_is_known_and_whose_plugin_is_broken(plugin, run, monkeypatch):
    plugin("raise SystemExit('boom')\n")
    monkeypatch.setenv("GROQ_API_KEY", "k-secret")
    Path("services.yaml").write_text("mine: {url: 'https://host/v1', key: ACME_KEY}\n")
    code, out, _ = run("providers")
    rows = {entry.split()[0]: entry for entry in re.split(r"\n(?=\S)", out)}
    assert code == 0
    assert "needs GROQ_API_KEY (set)" in rows["groq"]
    assert all(words in rows["openai"] for words in (" OPENAI_API_KEY", "50 % less", " exact", "50,000", "200"))
    assert "not exact" in rows["anthropic"]
    assert rows["novita"].split()[1:4] == ["?", "?", "?"]
    assert "host/v1" not in out and "ACME_KEY" in rows["mine"]
    assert rows["acme:"].strip() == "acme: provider 'acme' does not load: SystemExit: boom"
    assert "k-secret" not in out


def test_a_broken_table_of_the_user_s_is_said_once_and_disturbs_nobody(run):
    Path("services.yaml").write_text("mine: {\n")
    _, out, _ = run("providers")
    assert out.count("services.yaml: while parsing") == 1
    assert plugins.provider("openai").name == "openai"
    Path("services.yaml").write_text("# nothing yet\n")
    with pytest.raises(InputError, match="no provider 'mine'"):
        plugins.provider("mine")
