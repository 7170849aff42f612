"""Documents that are met again: known by the text that they were kept as, and by nothing else."""

import pytest

from slice_api.chassis import Collection, Schema
from slice_api.chassis.storage.codec import Codec
from slice_api.chassis.storage.faults import Unreadable


class Card(Schema):
    """A card."""

    id: str
    text: str = ""


CARDS = Collection("cards", Card, upgrades=(lambda old: {**old, "text": "from before"},))
OTHERS = Collection("others", Card)


def test_a_text_that_was_met_gives_the_same_document_and_another_text_another() -> None:
    codec = Codec()
    first = codec.decode(CARDS, "a", '{"id":"a","text":"x"}', 2)
    assert first == Card(id="a", text="x")
    assert codec.decode(CARDS, "a", '{"id":"a","text":"x"}', 2) is first
    assert codec.decode(CARDS, "a", '{"id":"a","text":"y"}', 2) == Card(id="a", text="y")


def test_a_document_that_was_kept_is_met_by_its_text_with_all_its_fields_set() -> None:
    codec, card = Codec(), Card(id="a")
    assert codec.decode(CARDS, "a", codec.encode(CARDS, card), 2) is card
    assert card.model_fields_set == {"id", "text"}


def test_documents_of_two_stores_are_two_and_those_of_an_older_version_are_made_anew() -> None:
    codec, text = Codec(), '{"id":"a","text":"x"}'
    assert codec.decode(CARDS, "a", text, 2) is not codec.decode(OTHERS, "a", text, 1)
    assert codec.decode(CARDS, "a", text, 1) == Card(id="a", text="from before")


def test_what_cannot_be_read_is_told_each_time() -> None:
    codec = Codec()
    for _ in range(2):
        with pytest.raises(Unreadable, match="'a' of cards"):
            codec.decode(CARDS, "a", '{"id":1}', 2)


def test_only_the_latest_of_many_and_no_long_ones_are_remembered() -> None:
    codec = Codec()
    texts = [f'{{"id":"{number}","text":""}}' for number in range(1_001)]
    first, *_, last = [codec.decode(CARDS, "?", text, 2) for text in texts]
    assert codec.decode(CARDS, "?", texts[-1], 2) is last
    assert codec.decode(CARDS, "?", texts[0], 2) is not first
    long = Card(id="a", text="x" * 5_000)
    assert codec.decode(CARDS, "a", codec.encode(CARDS, long), 2) is not long
