"""The page in a real browser: it asks, shows, sorts, filters, saves, and says what is wrong."""

import re
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

CHROMIUM = shutil.which("chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, as in apt-get install chromium"),
]
DESKTOP, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield one
        one.close()


@pytest.fixture
def open_page(browser):
    """Return what opens the page of a service; nothing may go wrong in the console."""
    contexts, said = [], []

    def open_it(server, size=DESKTOP):
        contexts.append(browser.new_context(viewport=size, accept_downloads=True))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda line: said.append(line.text) if "Policy" in line.text else None)
        page.goto(f"http://127.0.0.1:{server.port}/")
        expect(page.locator("#about")).to_contain_text("models")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert said == []


def ask(page, text):
    page.get_by_label("Sequences as FASTA").fill(text)
    page.get_by_role("button", name="Score").click()
    expect(page.locator("#results")).to_be_visible(timeout=30_000)


def ids(page):
    return page.locator("#body td.id").all_inner_texts()


def test_pasted_sequences_become_a_table(server, open_page, fasta):
    page = open_page(server)
    ask(page, fasta(7))
    assert ids(page) == [f"p{row}" for row in range(7)]
    expect(page.locator("#summary")).to_contain_text("7 proteins of pasted.fasta")
    expect(page.locator("#body tr").first.locator(".bar")).to_have_count(3)
    expect(page.locator("#body tr").first.locator(".neighbours li")).to_have_count(3)
    assert page.evaluate("document.getElementById('map').naturalWidth") > 100


def test_the_table_sorts_and_filters(server, open_page, fasta):
    page = open_page(server)
    ask(page, fasta(12))
    page.get_by_role("button", name="Novelty").click()
    header = page.get_by_role("columnheader", name=re.compile("Novelty"))
    expect(header).to_have_attribute("aria-sort", "ascending")
    values = [
        float(text.split()[0]) for text in page.locator("#body td:nth-child(5)").all_inner_texts()
    ]
    assert values == sorted(values)
    page.get_by_role("button", name="Novelty").click()
    expect(header).to_have_attribute("aria-sort", "descending")
    page.get_by_label("Filter by id or neighbour").fill("p11")
    assert ids(page) == ["p11"]
    expect(page.locator("#shown")).to_have_text("1 of 1 rows shown")


def test_a_file_is_scored_and_every_format_can_be_saved(
    server, open_page, fasta, tmp_path, predicted
):
    path = tmp_path / "mine.fasta"
    path.write_text(fasta(3))
    page = open_page(server)
    page.locator("#file").set_input_files(path)
    page.get_by_role("button", name="Score").click()
    expect(page.locator("#results")).to_be_visible(timeout=30_000)
    for name, kind in (("TSV", "tsv"), ("CSV", "csv"), ("JSON lines", "jsonl")):
        with page.expect_download() as saved:
            page.get_by_role("link", name=name, exact=True).click()
        assert saved.value.suggested_filename == f"mine.{kind}"
        content = saved.value.path().read_bytes()
        assert content == predicted("mine.fasta", fasta(3).encode(), kind)


def test_a_faulty_upload_says_what_to_do_and_the_next_one_works(server, open_page, fasta, tmp_path):
    path = tmp_path / "broken.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    page = open_page(server)
    page.locator("#file").set_input_files(path)
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("alert")).to_contain_text("broken.h5: ", timeout=30_000)
    expect(page.locator("#results")).to_be_hidden()
    ask(page, fasta(2))
    expect(page.locator("#problem")).to_be_empty()
    assert ids(page) == ["p0", "p1"]


def test_nothing_to_score_is_said(server, open_page):
    page = open_page(server)
    page.get_by_role("button", name="Score").click()
    expect(page.get_by_role("alert")).to_have_text("Paste sequences, or choose a file.")


def test_what_stands_in_an_id_is_never_run(server, open_page):
    page = open_page(server)
    ask(page, "><img/src=x/onerror=document.title='run'>\nMKTAYIAKQRLLE\n")
    assert ids(page) == ["<img/src=x/onerror=document.title='run'>"]
    assert page.title().startswith("arginator")


def test_the_example_works_with_the_keyboard_alone(server, open_page):
    page = open_page(server)
    page.get_by_role("button", name="Example").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Sequences as FASTA")).to_have_value(re.compile("TEM-1"))
    page.get_by_role("button", name="Score").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#results")).to_be_focused(timeout=30_000)
    assert ids(page) == ["TEM-1", "lysozyme_C", "ubiquitin"]


def test_nothing_is_wider_than_a_phone(server, open_page, fasta):
    page = open_page(server, PHONE)
    ask(page, fasta(3) + f">{'long' * 60}\nMKTAYIAKQR\n")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_token_is_asked_for_when_the_service_wants_one(serve, browser, fasta):
    server = serve(token="secret")
    page = browser.new_context().new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    expect(page.get_by_role("alert")).to_contain_text("token")
    page.get_by_label("Token of this service").fill("secret")
    page.get_by_label("Token of this service").blur()
    expect(page.locator("#about")).to_contain_text("models")
    ask(page, fasta(2))
    with page.expect_download() as saved:
        page.get_by_role("link", name="TSV", exact=True).click()
    assert saved.value.path().read_text().startswith("id\t")
    page.context.close()
