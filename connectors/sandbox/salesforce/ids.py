"""
Salesforce ids: a key prefix, an instance, a number in base 62, and a checksum of three letters that makes case
irrelevant.

Decided here: what an id looks like and when text is one. Not decided here: which prefix an object has (schema).
"""

import re

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
INSTANCE = "5g0"  # the pod and the reserved digit between prefix and number
SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[A-Za-z0-5]{3})?")


def mint(prefix: str, number: int) -> str:
    """Return the 18-character id of the numbered record of an object."""
    digits = ""
    while number:
        number, digit = divmod(number, len(DIGITS))
        digits = DIGITS[digit] + digits
    return whole(prefix + INSTANCE + digits.rjust(9, "0")) or ""


def whole(text: object) -> str | None:
    """Return the 18-character form of a 15- or 18-character id, None where the text is not one."""
    if not isinstance(text, str) or not SHAPE.fullmatch(text):
        return None
    if len(text) == 15:
        return text + checksum(text)
    restored = _restore_case(text)
    return restored if checksum(restored[:15]) == restored[15:] else None


def checksum(fifteen: str) -> str:
    """Return the three letters that say which of the fifteen characters are capitals."""
    return "".join(
        CHECK[sum(1 << place for place, letter in enumerate(fifteen[start : start + 5]) if letter.isupper())]
        for start in (0, 5, 10)
    )


def _restore_case(eighteen: str) -> str:
    # The suffix carries the case of the fifteen, so an 18-character id survives spreadsheets that lower-case it.
    suffix = eighteen[15:].upper()
    letters = []
    for place, letter in enumerate(eighteen[:15]):
        capital = CHECK.index(suffix[place // 5]) >> place % 5 & 1
        letters.append(letter.upper() if capital else letter.lower())
    return "".join(letters) + suffix
