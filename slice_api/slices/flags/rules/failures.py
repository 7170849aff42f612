"""What can be wrong with a rule: when it is compiled, and when it runs."""


class RuleError(ValueError):
    """A rule that cannot be compiled; `pointer` (RFC 6901) leads to the fault, and is "" for the rule itself."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(f"{pointer or 'The rule'} {detail}")
        self.pointer = pointer
        self.detail = detail


class RuleFailure(Exception):  # noqa: N818 - an outcome of a rule, as a null is one, and no fault of the program
    """A rule that gave no result: it reached an unknown operator, or cost more than it may.

    Its text goes on from "The rule".
    """
