"""Text from data, made safe to show: one line, nothing that a terminal or a parser could obey."""

__all__ = ["abbreviated", "clean", "cut", "pieces"]


def clean(text: str, most: int = 48) -> str:
    r"""Return text on one line: what can't be printed as an escape, what is too long cut.

    Examples
    --------
    >>> print(clean("age\x1b[31m"))
    age\x1b[31m
    """
    # (an escape is longer than what it stands for, so that no more than `most` are needed)
    shown = "".join(c if c.isprintable() else _escape(c) for c in text[: most + 1])
    return cut(shown, most)


def pieces(text: str) -> list[tuple[str, bool]]:
    """Return the pieces of a sentence, and whether each stood between backticks.

    Examples
    --------
    >>> pieces("`psi` of `age`")
    [('psi', True), (' of ', False), ('age', True)]
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a name has a backtick of its own: who can tell which
        return [(text, False)]
    return [(part, i % 2 == 1) for i, part in enumerate(parts) if part]


def cut(text: str, most: int) -> str:
    """Return text of at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def abbreviated(text: str, most: int) -> str:
    """Return a name of at most so many characters: names that begin alike rarely end alike.

    Examples
    --------
    >>> abbreviated("fairness:demographic_parity_ratio", 22)
    'fairness:dem...y_ratio'
    """
    tail = most // 3
    return text if len(text) <= most else f"{text[: most - 3 - tail]}...{text[-tail:]}"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
