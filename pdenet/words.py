"""Numbers in sentences."""

__all__ = ["counted"]


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 frame", "3 frames", "2 trajectories".

    one: the noun of a single thing; that of several where it is not the same with an s follows from
    it, as in trajectory, or is given.
    """
    plural = many or (one[:-1] + "ies" if one.endswith("y") else one + "s")
    return f"{number} {one if number == 1 else plural}"
