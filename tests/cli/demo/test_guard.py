"""Tests of who may ask the demo, how much, and how often."""

import asyncio
import json
import random
import types

import pytest

from keras_igpt.cli.demo import guard


async def answer(scope, receive, send):
    """An application that reads the whole request."""
    more = scope["method"] != "GET"
    while more:
        more = (await receive()).get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def ask(headers=(), path="/config", chunks=None, app=None, **options):
    """The status of the answer to a request."""
    headers = [(n.encode(), v.encode("latin-1")) for n, v in headers]
    scope = {
        "type": "http",
        "path": path,
        "method": "GET" if chunks is None else "POST",
        "headers": headers,
        "client": ("10.0.0.9", 1),
    }
    given = iter(chunks or [b""])
    seen = []

    async def receive():
        body = next(given, None)
        return {
            "type": "http.request",
            "body": body or b"",
            "more_body": body is not None,
        }

    async def send(message):
        seen.append(message)

    asked = guard.Guard(app or answer, **options)
    asyncio.run(asked(scope, receive, send))
    return seen[0]["status"]


def named(name, **options):
    return ask([("host", name)], **options)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:7860", "localhost", "LOCALHOST:1", "[::1]:7860"]
)
def test_own_names_are_answered(host):
    assert named(host) == 200


@pytest.mark.parametrize(
    "host", ["strange.test", "localhost.strange.test", "1.2.3.4", "", "[::2]"]
)
def test_names_of_others_are_refused(host):
    assert named(host) == 403


def test_requests_without_a_name_are_refused():
    assert ask() == 403


def test_pages_of_others_are_refused():
    headers = [("host", "localhost"), ("origin", "http://strange.test")]
    assert ask(headers) == 403


def test_addresses_are_answered_where_anybody_may_come():
    assert named("192.168.0.7:7860", host="0.0.0.0") == 200


def test_names_of_others_are_refused_where_anybody_may_come():
    assert named("strange.test", host="0.0.0.0") == 403


def test_given_names_are_answered():
    assert named("images.test", names=["Images.test"]) == 200


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/any", "/upload"])
def test_large_requests_are_refused_in_chunks(path):
    chunks = [bytes(2**20)] * 12
    assert named("localhost", path=path, chunks=chunks) == 413


def test_large_requests_are_refused_by_what_they_say():
    headers = [("host", "localhost"), ("content-length", str(2**40))]
    assert ask(headers, chunks=[b""]) == 413


def test_requests_arrive_whole():
    seen = []

    async def noting(scope, receive, send):
        seen.append((await receive())["body"])
        await answer({"method": "GET"}, receive, send)

    named("localhost", path="/any", chunks=[b"ab", b"c"], app=noting)
    assert seen == [b"abc"]


def waiting(count, session="s", client="10.0.0.9"):
    """A queue in which so many clicks wait."""
    request = types.SimpleNamespace(scope={"client": (client, 2)})
    event = types.SimpleNamespace(session_hash=session, request=request)
    line = types.SimpleNamespace(queue=[event] * count)
    return types.SimpleNamespace(event_queue_per_concurrency_id={"a": line})


def click(queue):
    body = json.dumps({"session_hash": "s"}).encode()
    path = "/gradio_api/queue/join"
    return named("localhost", path=path, chunks=[body], queue=queue)


def test_a_browser_cannot_fill_the_queue():
    assert click(waiting(guard.MAX_OF_SESSION, client="10.0.0.1")) == 503


def test_an_address_cannot_fill_the_queue():
    assert click(waiting(guard.MAX_OF_ADDRESS, session="t")) == 503


def test_others_may_click_meanwhile():
    queue = waiting(guard.MAX_OF_ADDRESS, "t", "10.0.0.1")
    assert click(queue) == 200


@pytest.mark.slow
def test_strange_requests_are_answered():
    chance = random.Random(0)
    body = json.dumps({"session_hash": "s", "data": [1, "a", None]}).encode()
    for _ in range(500):
        content = bytearray(body)
        for _ in range(chance.choice([0, 1, 8])):
            content[chance.randrange(len(content))] = chance.randrange(256)
        host = chance.choice(["localhost", "", "a\x00b", "[", "é", "::1"])
        headers = [("host", host)] * chance.choice([1, 1, 2])
        if chance.random() < 0.3:
            length = chance.choice(["-1", "x", "9" * 5000, "٣", "3"])
            headers.append(
                ("content-length", length.encode().decode("latin-1"))
            )
        path = chance.choice(["/gradio_api/queue/join", "/upload", "/any", ""])
        status = ask(
            headers, path=path, chunks=[bytes(content)], queue=waiting(1)
        )
        assert status in (200, 400, 403, 413, 503)
