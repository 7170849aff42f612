"""What the objects of a new slice are called."""

import pytest

from slice_api.scaffold.words import words_of

ONE_OF = {
    "polls": ("poll", "Poll", "a poll", "polls"),
    "entries": ("entry", "Entry", "an entry", "entries"),
    "boxes": ("box", "Box", "a box", "boxes"),
    "branches": ("branch", "Branch", "a branch", "branches"),
    "quizzes": ("quiz", "Quiz", "a quiz", "quizzes"),
    "addresses": ("address", "Address", "an address", "addresses"),
    "houses": ("house", "House", "a house", "houses"),
    "viruses": ("virus", "Virus", "a virus", "viruses"),
    "analyses": ("analysis", "Analysis", "an analysis", "analyses"),
    "people": ("person", "Person", "a person", "people"),
    "user_groups": ("user_group", "UserGroup", "a user group", "user groups"),
    "hours": ("hour", "Hour", "an hour", "hours"),
    # Those that name one already
    "status": ("status", "Status", "a status", "statuses"),
    "inventory": ("inventory", "Inventory", "an inventory", "inventories"),
    "person": ("person", "Person", "a person", "people"),
    "series": ("series", "Series", "a series", "series"),
    # Those whose singular the code around it has another use for
    "classes": ("class_entry", "ClassEntry", "a class", "classes"),
    "changes": ("change_entry", "ChangeEntry", "a change", "changes"),
    "pages": ("page_entry", "PageEntry", "a page", "pages"),
    "copies": ("copy_entry", "CopyEntry", "a copy", "copies"),
    "topics": ("topic_entry", "TopicEntry", "a topic", "topics"),
    "s": ("s_entry", "SEntry", "a s", "ses"),
}


@pytest.mark.parametrize("name", ONE_OF)
def test_a_slice_gives_its_objects_their_name(name: str) -> None:
    words = words_of(name)
    assert (words.noun, words.model, words.a_noun, words.many) == ONE_OF[name]
