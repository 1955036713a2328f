"""What the client scripts share: where the servers are, and checks, each of which prints one line of JSON."""

import asyncio
import inspect
import json
import os
import re
from dataclasses import dataclass

ADDRESSES = json.loads(os.environ.get("INTEROP", "{}"))
USERS = [f"user-{n}" for n in range(8)]
SHOWN_CHARS = 300


@dataclass(frozen=True)
class Place:
    """Where to ask, and for which model: one model straight at its server, or the name that Makas splits."""

    url: str
    model: str
    is_direct: bool


class Failed(Exception):
    """An expectation that does not hold."""


def expect(holds: object, what: object) -> None:
    if not holds:
        raise Failed(str(what))


def expect_equal(found: object, wanted: object) -> None:
    expect(found == wanted, f"found {short(found)}, wanted {short(wanted)}")


def short(found: object) -> str:
    text = found if isinstance(found, str) else repr(found)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}..."


def report(title: str, ok: bool, detail: str) -> None:
    print(json.dumps({"check": title, "ok": ok, "detail": detail}), flush=True)


def check(title: str):
    """Runs a function, or a coroutine function, at once. What it returns is the detail of its line."""

    def run(body):
        try:
            detail = run_body(body)
        except Exception as error:
            report(title, False, f"{type(error).__name__}: {str(error)[: 4 * SHOWN_CHARS]}")
        else:
            report(title, True, detail if isinstance(detail, str) else "")
        return body

    return run


def run_body(body, *arguments):
    result = body(*arguments)
    return asyncio.run(result) if inspect.iscoroutine(result) else result


def outcome(ask, place: Place, user: str):
    """An answer, or the exception that the client raises, without the names that differ from place to place."""
    try:
        return ("answer", run_body(ask, place, user))
    except Failed:
        raise
    except Exception as error:
        # An error that passes through names the model as its server does.
        text = re.sub(rf"\b{place.model}(-[ab])?\b", "MODEL", str(error).replace(place.url.split("://")[-1], "SERVER"))
        return ("error", type(error).__name__, re.sub(r"0x[0-9a-f]+", "ADDRESS", text))


def same(title: str, ask, direct: tuple[Place, Place], makas: Place, differs: bool = True) -> None:
    """
    Asks both models at their servers, then Makas for eight users, each twice. Every user must get what one of the two
    gives, the same both times, and with `differs` both must have answered somebody.
    """

    @check(title)
    def _():
        wanted = [outcome(ask, place, USERS[0]) for place in direct]
        if differs:
            expect(wanted[0] != wanted[1], f"the models do not differ: {short(wanted[0])}")
        seen = set()
        for user in USERS:
            found = outcome(ask, makas, user)
            expect(found in wanted, f"found {short(found)}, directly {short(wanted[0])} or {short(wanted[1])}")
            expect_equal(outcome(ask, makas, user), found)
            seen.add(wanted.index(found))
        expect(not differs or seen == {0, 1}, f"only the models {seen} answered")
        kind, *rest = wanted[0]
        return f"{rest[0]}: {short(rest[1])}" if kind == "error" else ""


def raises(title: str, ask, place: Place, kind: str, *texts: str) -> None:
    """The client raises an exception of this type, with all these texts in it."""

    @check(title)
    def _():
        found = outcome(ask, place, USERS[0])
        expect(found[0] == "error", f"no error but {short(found[1])}")
        shown = f"{found[1]}: {short(found[2])}"
        expect(found[1] == kind and all(text in found[2] for text in texts), shown)
        return shown
