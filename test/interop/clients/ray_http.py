"""Requests to an app of Ray Serve, as its users send them with httpx."""

import httpx

from checks import ADDRESSES, Place, check, expect, expect_equal, same

direct = tuple(Place(f"{ADDRESSES['ray']}/app-{mark}", "app", True) for mark in "ab")
here = {"direct": direct, "makas": Place(f"{ADDRESSES['makas']}/app", "app", False)}
http = httpx.Client(timeout=30)


def ask(place: Place, user: str, method: str, path: str = "", json=None, **headers: str):
    response = http.request(method, f"{place.url}{path}", json=json, headers={"x-user-id": user, **headers})
    # Ray makes an id for each request; its own pages name it.
    expect("x-request-id" in response.headers, "no x-request-id")
    expect(place.is_direct or response.status_code >= 400 or "makas-backend" in response.headers, "no makas-backend")
    return response.status_code, response.headers.get("content-type"), response.text


ROWS = {"rows": [1, 2.5]}
same("POST", lambda p, u: ask(p, u, "POST", json=ROWS), **here)
same("POST to the path with a slash", lambda p, u: ask(p, u, "POST", "/", ROWS), **here)
same("GET with a query", lambda p, u: ask(p, u, "GET", "/?x=1&y=%C3%A7"), **here)
same("a path of the app", lambda p, u: ask(p, u, "GET", "/deep/er?x=1"), **here)
MODEL = {"serve_multiplexed_model_id": "model-7"}
same("the id of a multiplexed model", lambda p, u: ask(p, u, "POST", json=ROWS, **MODEL), **here)
same("an exception in the app", lambda p, u: ask(p, u, "POST", json={"rows": "fail"}), **here, differs=False)


def stream(place: Place, user: str, text: str):
    lines = []
    url = f"{place.url}/stream"
    with http.stream("GET", url, params={"text": text}, headers={"x-user-id": user}) as response:
        try:
            lines.extend(response.iter_lines())
        except httpx.HTTPError as error:
            lines.append(type(error).__name__)
    return response.status_code, lines


same("a stream", lambda p, u: stream(p, u, "one two three"), **here)
same("a stream that breaks off", lambda p, u: stream(p, u, "one two fail"), **here)


@check("a request id goes through")
def _():
    response = http.get(here["makas"].url, headers={"x-request-id": "mine-1"})
    expect_equal(response.headers.get_list("x-request-id"), ["mine-1"])


@check("outside of the prefix nothing is served")
def _():
    paths = ("/app-a", "/-/routes", "/-/healthz", "/application")
    answers = [http.get(f"{ADDRESSES['makas']}{path}").status_code for path in paths]
    expect(all(status == 404 for status in answers), answers)
    return str(answers)
