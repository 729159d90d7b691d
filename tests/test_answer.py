"""Structured answers: asked for, parsed and checked; what does not fit is kept, and sent again by RETRY alone."""

from __future__ import annotations

import jsonschema
import orjson
import pytest

from pipeline.batch import prompt_variables as prompts
from pipeline.batch.answer_file import answer
from pipeline.batch.answer_json import parsed
from pipeline.batch.answer_schema import Answer, strict
from pipeline.batch.prompt import Prompt
from pipeline.errors import InputError, Unencodable
from pipeline.jobs.count_outcomes import rows
from pipeline.provider import Limits, Result
from pipeline.sending.submit import submit
from pipeline.sending.submit_options import Asked
from providers.bedrock import Bedrock
from providers.gemini import Gemini
from providers.together import Together
from providers.wire import anthropic_messages as messages
from providers.wire import bedrock_converse as converse
from providers.wire import gemini_contents as contents
from providers.wire import openai_chat as chat
from tests.conftest import batched, write_jsonl
from tests.fakes import Fake, FakeTime, Service
from tests.invoice import Till
from tests.stages import Watch
from tests.test_money import Run

SCHEMA = {
    "type": "object",
    "properties": {"topics": {"type": "array", "items": {"type": "string"}}},
    "required": ["topics"],
    "additionalProperties": False,
}
RECORD = converse._record("a", "m")
GOOD, BAD = '{"topics": ["rye"]}', '{"topics": ["rye", 7]}'


class Structured(Run):
    def batch(self, texts, schema=SCHEMA, **how):
        talks = write_jsonl(self.folder / "t.jsonl", [{"id": name, "text": text} for name, text in texts.items()])
        batched(self.ws, [talks], Prompt("m", max_tokens=50, answer=Answer(schema) if schema else None, **how))


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    return Structured(tmp_path / "run", Till())


# ---- the whole way ------------------------------------------------------------------------------


def test_broken_answers_end_as_invalid_and_retry_sends_exactly_those(run):
    texts = {f"t{n}": f"oats {n}" for n in range(20)}
    broken = {"t3": "{", "t7": BAD, "t11": "no JSON", "t19": "[]"}
    run.till.words = lambda name, body: broken.get(name, GOOD)
    run.batch(texts)
    run.submit()
    rows = {row["id"]: row for row in run.results()}
    assert {name for name, row in rows.items() if row["outcome"] == "invalid"} == set(broken)
    assert all(row["text"] == broken[name] for name, row in rows.items() if name in broken)
    assert rows["t7"]["error"] == {"message": "$.topics[1]: 7 is not of type 'string'", "code": "invalid"}
    assert rows["t7"]["cost"] > 0  # it was paid for
    for row in rows.values():
        if row["outcome"] == "ok":
            jsonschema.validate(row["answer"], SCHEMA)
    run.submit()
    assert len(run.till.jobs) == 10  # two requests a shard: nothing new
    broken = {"t3": "still {"}
    run.submit(Asked(retry=True))
    sent = sorted(name for job in run.till.jobs[10:] for name in job["names"])
    assert sent == ["t11", "t19", "t3", "t7"]
    rows = {row["id"]: row["outcome"] for row in run.results()}
    assert [name for name, outcome in rows.items() if outcome == "invalid"] == ["t3"]


def test_without_a_schema_there_is_no_answer_field(run):
    run.till.words = lambda name, body: GOOD
    run.batch({"a": "oats"}, schema=None)
    run.submit()
    (row,) = run.results()
    assert (row["outcome"], row["answer"], row["text"]) == ("ok", None, GOOD)


def test_another_schema_is_another_request(run):
    run.till.words = lambda name, body: GOOD
    run.batch({"a": "oats"})
    run.submit()
    run.batch({"a": "oats"}, schema=SCHEMA | {"description": "new"})
    with pytest.raises(Exception, match="already submitted with another body"):
        run.submit()
    with pytest.raises(Exception, match="already submitted with another body"):
        run.submit(Asked(retry=True))  # the old answer is good under the schema that asked for it
    assert len(run.till.jobs) == 1


# ---- how it is asked for ------------------------------------------------------------------------


@pytest.mark.parametrize(("provider", "formal"), [(Together(), True), (Gemini(), True), (Bedrock(), False)])
def test_a_service_without_the_form_is_told_in_words(provider, formal):
    asked = prompts.expressed(Prompt("m", "Be brief.", answer=Answer(SCHEMA)), provider)
    body = asked.body({"id": "a", "text": "oats"})
    assert ("response_format" in body) == formal
    assert (orjson.dumps(SCHEMA).decode() in body["messages"][0]["content"]) == (not formal)
    assert body["messages"][0]["content"].startswith("Be brief.")


def test_what_cannot_be_said_in_words_either_is_refused():
    with pytest.raises(Unencodable, match="seed"):
        prompts.expressed(Prompt("m", answer=Answer(SCHEMA), fields={"seed": 3}), Bedrock())


@pytest.mark.parametrize(
    ("schema", "is_strict"),
    [
        (SCHEMA, True),
        ({**SCHEMA, "additionalProperties": True}, False),
        ({**SCHEMA, "required": []}, False),
        ({"type": "array", "items": SCHEMA}, True),
        ({"type": "array", "items": {"type": "object"}}, False),
        ({"anyOf": [SCHEMA, {"type": "object"}]}, False),
    ],
)
def test_strict_where_the_schema_is(schema, is_strict):
    assert strict(schema) is is_strict
    assert Answer(schema).form["json_schema"]["strict"] is is_strict


def test_the_variable_and_the_front_matter(tmp_path, run):
    (tmp_path / "s.json").write_bytes(orjson.dumps(SCHEMA))
    (tmp_path / "p.md").write_text("---\nanswer: s.json\n---\nBe brief.")
    (tmp_path / "q.md").write_text('---\nanswer: {type: "string"}\n---\nBe brief.')
    assert prompts.prompt(str(tmp_path / "p.md"), model="m").answer.schema == SCHEMA
    assert prompts.prompt(str(tmp_path / "q.md"), model="m").answer.schema == {"type": "string"}
    assert (
        prompts.prompt(str(tmp_path / "q.md"), model="m", schema=str(tmp_path / "s.json")).answer.schema == SCHEMA
    )
    with pytest.raises(InputError, match="may not set response_format beside ANSWER"):
        prompts.prompt(str(tmp_path / "p.md"), model="m", extra='{"response_format": {"type": "text"}}')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"s\.json:1: not JSON"),
        ("[]", "a JSON object"),
        ('{"type": "objekt"}', r"s\.json: no JSON Schema: \$\.type: 'objekt' is not"),
        ('{"$ref": "#/$defs/none"}', "no JSON Schema: .*none"),
        ('{"$ref": "https://host/x.json"}', r"\$ref 'https://host/x\.json' is not in the file itself"),
    ],
)
def test_a_schema_that_is_none_is_named(text, message, tmp_path):
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(InputError, match=message):
        answer(str(tmp_path / "s.json"), "")
    with pytest.raises(InputError, match=r"none\.json: No such file or directory; name a JSON Schema in ANSWER="):
        answer("none.json", "")


# ---- whether it fits ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (GOOD, {"topics": ["rye"]}),
        (f" \n{GOOD}\n", {"topics": ["rye"]}),
        (f"```json\n{GOOD}\n```", {"topics": ["rye"]}),
        (f"Here it is:\n```\n{GOOD}\n```\nI hope it helps.", {"topics": ["rye"]}),
        (GOOD.replace("rye", "```"), {"topics": ["```"]}),
        (f"\ufeff{GOOD}", {"topics": ["rye"]}),
        (f"```json\n{GOOD}", {"topics": ["rye"]}),
        (f"Here it is: {GOOD} I hope it helps.", {"topics": ["rye"]}),
    ],
)
def test_what_fits_is_parsed(text, value):
    result = Answer(SCHEMA).checked(Result("a", True, text))
    assert (result.ok, result.answer, result.text) == (True, value, text)


@pytest.mark.parametrize(
    ("text", "reason", "message"),
    [
        ("", "stop", "not JSON: "),
        ("{", "length", "the answer was cut at max_tokens: "),
        ('{"topics": []} {}', "stop", "not JSON: "),
        (f"Either {GOOD} or {GOOD}", "stop", "not JSON: "),
        ('{"topics": NaN}', "stop", "not JSON: "),
        ("{}", "stop", "$: 'topics' is a required property"),
        ("[" * 5000, "stop", "not JSON: "),
        (BAD, "stop", "$.topics[1]: 7 is not"),
    ],
)
def test_what_does_not_fit_is_invalid(text, reason, message):
    result = Answer(SCHEMA).checked(Result("a", True, text, finish_reason=reason))
    assert (result.ok, result.outcome, result.text, result.answer) == (False, "invalid", text, None)
    assert result.error["message"].startswith(message) and len(result.error["message"]) <= 500


def test_a_failure_stays_the_failure_it_is():
    failed = Result("a", False, error={"message": "x", "code": None}, outcome="expired")
    assert Answer(SCHEMA).checked(failed) is failed


def test_a_string_may_be_the_answer():
    assert parsed('```\n"oats"\n```') == parsed(' "oats" ') == "oats"


# ---- what is thought before it is said ----------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "reasoning", "text"),
    [
        ("<think>Rye?\nYes.</think>\n\nOats.", "Rye?\nYes.", "Oats."),
        (" <think></think>Oats.", None, "Oats."),
        ("Rye? Yes.\n</think>\n\nOats.", "Rye? Yes.", "Oats."),  # a template opened it
        ("The tag </think> ends it.", None, "The tag </think> ends it."),
        ("Write <think>\n</think>\n so.", None, "Write <think>\n</think>\n so."),
        ("Rye? Yes.</think>[1]", "Rye? Yes.", "[1]"),
        ("<think>Rye?</think>\n<think>Yes.</think>Oats.", "Rye?\n\nYes.", "Oats."),
        ([{"type": "text", "text": "Oa"}, {"type": "text", "text": "ts."}], None, "Oats."),
        (
            [{"type": "thinking", "thinking": [{"type": "text", "text": "Rye?"}]}, {"text": "Oats."}],
            "Rye?",
            "Oats.",
        ),
        ([{"type": "reasoning", "text": "Rye?"}, 7, {"type": "text", "text": "Oats."}], "Rye?", "Oats."),
        ("Oats.", None, "Oats."),
    ],
)
def test_thoughts_of_open_models_are_kept_apart(said, reasoning, text):
    row = {"custom_id": "a", "response": {"body": {"choices": [{"message": {"content": said}}]}}}
    result = chat.decode(orjson.dumps(row))
    assert (result.ok, result.reasoning, result.text) == (True, reasoning, text)


def test_only_thoughts_are_no_answer():
    row = {"custom_id": "a", "response": {"body": {"choices": [{"message": {"content": "<think>Rye? Or"}}]}}}
    result = chat.decode(orjson.dumps(row))
    assert (result.ok, result.reasoning, result.error["code"]) == (False, "Rye? Or", "no_content")


@pytest.mark.parametrize(
    ("decode", "row"),
    [
        (chat.decode, {"custom_id": "a", "response": {"body": {"choices": [
            {"message": {"content": "Oats.", "reasoning_content": "Rye?"}}]}}}),
        (chat.decode, {"custom_id": "a", "response": {"body": {"choices": [
            {"message": {"content": "Oats.", "reasoning": "Rye?"}}]}}}),
        (messages.decode, {"custom_id": "a", "result": {"type": "succeeded", "message": {"content": [
            {"type": "thinking", "thinking": "Rye?"}, {"type": "text", "text": "Oats."}]}}}),
        (contents.decode, {"key": "a", "response": {"candidates": [{"content": {"parts": [
            {"text": "Rye?", "thought": True}, {"text": "Oats."}]}}]}}),
        (converse.decode, {"recordId": RECORD, "modelOutput": {"output": {"message": {"content": [
            {"reasoningContent": {"reasoningText": {"text": "Rye?"}}}, {"text": "Oats."}]}}}}),
    ],
)  # fmt: skip
def test_thoughts_that_a_service_tells_apart(decode, row):
    result = decode(orjson.dumps(row))
    assert (result.ok, result.reasoning, result.text) == (True, "Rye?", "Oats.")


def test_refusals_are_counted(run, ws):
    said = {"a": {"refusal": "I will not."}, "b": {"content": "x"}}
    service = Service(Limits(poll=(0.0, 0.0)))
    service.answer = lambda name: {"custom_id": name, "response": {"body": {"choices": [
        {"message": said[name], "finish_reason": "content_filter" if name == "b" else "stop"}]}}}  # fmt: skip
    batched(ws, [write_jsonl(run.folder / "t.jsonl", [{"id": n, "text": n} for n in "ab"])], Prompt("m"))
    submit(ws, Fake(service), clock=FakeTime().clock, say=lambda text: None)
    counts = Watch(ws, Fake(service), FakeTime().clock, lambda text: None).results(True)
    assert (counts["ok"], counts["error"], counts["refused"], rows(counts)) == (1, 1, 2, 2)
