"""A frame is lent again only when nobody can see it any more."""

from __future__ import annotations

from kafkalite.net.frames import LARGEST, SPARE, Frames


def place(view: memoryview) -> int:
    return id(view.obj)


def test_a_frame_that_came_back_is_lent_again() -> None:
    frames = Frames()
    view = frames.lend(100_000)
    assert len(view) == 100_000
    first = place(view)
    del view
    again = frames.lend(90_000)
    assert (place(again), len(again)) == (first, 90_000)


def test_a_part_of_it_is_enough_to_keep_it() -> None:
    frames = Frames()
    view = frames.lend(100_000)
    view[:3] = b"abc"
    part = view[1:3]
    del view
    other = frames.lend(100_000)
    other[:] = bytes(100_000)
    assert place(other) != place(part)
    assert bytes(part) == b"bc"


def test_one_that_is_too_small_is_not_lent() -> None:
    frames = Frames()
    first = place(frames.lend(70_000))
    assert place(frames.lend(500_000)) != first


def test_few_are_kept_and_no_large_ones() -> None:
    frames = Frames()
    held = [frames.lend(100_000) for _ in range(10)]
    assert len({place(view) for view in held}) == 10
    assert len(frames._kept) == SPARE
    before = list(frames._kept)
    frames.lend(LARGEST + 1)
    assert frames._kept == before
