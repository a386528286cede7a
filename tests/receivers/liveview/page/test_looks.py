"""How the page looks: sizes, dark and light, colours for everybody; and that it stays small all day."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.receivers.liveview.page.conftest import pages

pytestmark = pytest.mark.timeout(180)

NAMES = ("ink", "quiet", "lines", "panel", "ground", "good", "warn", "bad", "idle")
# Machado, Oliveira and Fernandes 2009, severity 1: what is left of linear red, green and blue.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(colour: str) -> np.ndarray:
    """Linear red, green and blue of `#rrggbb`."""
    part = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """As WCAG 2 counts it, 1 to 21."""
    light, dark = sorted((float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear red, green and blue."""
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(matrix) @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def colours(screen) -> tuple[dict[str, str], list[str]]:
    """Colours of the page by name, and those of the first eight channels."""
    return screen.module(
        "colours",
        "[Object.fromEntries(argument.map(n => [n, m.colour(n)])), [0,1,2,3,4,5,6,7].map(m.channelColour)]",
        list(NAMES),
    )


@pytest.fixture(scope="module")
def palettes(browser, address) -> dict[str, tuple[dict[str, str], list[str]]]:
    """What `colours` gives in light and dark."""
    with pages(browser) as open_one:
        return {scheme: colours(open_one(address, color_scheme=scheme)) for scheme in ("light", "dark")}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_curves_stand_out_from_their_ground(palettes, scheme):
    named, channels = palettes[scheme]

    assert all(contrast(named[name], named["panel"]) >= 4.5 for name in ("ink", "quiet", "lines"))
    assert all(contrast("#ffffff", named[name]) >= 4.5 for name in ("good", "warn", "bad", "idle"))
    assert min(contrast(colour, named["panel"]) for colour in channels) >= 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("blindness", BLINDNESS)
def test_eight_channels_differ_for_everybody(palettes, scheme, blindness):
    _, channels = palettes[scheme]
    seen = [lab(np.array(BLINDNESS[blindness]) @ linear(colour)) for colour in channels]

    nearest = min(float(np.linalg.norm(one - other)) for one, other in itertools.combinations(seen, 2))

    assert nearest > (40 if blindness == "none" else 10)  # 2 is just seen side by side


def test_the_page_follows_the_system_and_a_key_changes_it(address, open_page):
    screen = open_page(address, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = screen.page.evaluate(ground)

    screen.press("d")

    assert dark == "rgb(16, 22, 28)"
    assert screen.page.evaluate(ground) == "rgb(244, 246, 248)"


def test_on_a_screen_of_1280_by_720_everything_is_seen_without_scrolling(screen):
    size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    parts = [
        "#verdict",
        "#spectrum-plot canvas",
        "#channel-rows tr",
        "#waterfall-image",
        "#rates-plot",
        "#dead-time-plot",
        "#window-form",
    ]
    screen.wait(lambda: screen.page.locator("#rates-plot canvas").count(), "the first history")

    width, height = screen.page.evaluate(size)

    assert (width, height) == (1280, 720)
    for part in parts:
        box = screen.page.locator(part).first.bounding_box()
        assert box["width"] > 30
        assert box["height"] > 30
        assert box["y"] + box["height"] <= 720


def test_on_a_phone_nothing_is_wider_than_the_screen(address, open_page):
    screen = open_page(address, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    screen.wait_drawn()

    parts = "[...document.querySelectorAll('main, main > *, nav, header')]"
    widest = screen.page.evaluate(f"Math.max(...{parts}.map(part => part.getBoundingClientRect().right))")

    assert screen.page.evaluate("document.documentElement.scrollWidth") == 390
    assert widest <= 390


def test_the_chart_keeps_its_height_when_the_line_below_it_grows(screen):
    height = "document.querySelector('#spectrum-plot').clientHeight"
    before = screen.page.evaluate(height)

    screen.page.evaluate("liveView.settings.set({elements: ['Fe', 'Eu']})")
    screen.press("p")
    screen.wait(lambda: screen.page.locator("#readout .counts").count() == 4, "counts at the cursor")

    assert screen.page.evaluate(height) == before


def test_every_key_of_the_help_is_there_and_the_help_closes(screen):
    screen.press("?")
    keys = screen.page.locator("#help-keys dt").all_inner_texts()
    assert {"l", "e", "space", "a", "r", "0 \u2026 9", "s", "k", "\u2190", "\u2192"} <= set(keys)

    screen.press("Escape")

    assert screen.page.locator("#help[open]").count() == 0


def test_every_button_has_a_name(screen):
    names = screen.page.locator("button").evaluate_all(
        "all => all.map(one => one.textContent.trim() || one.getAttribute('aria-label'))"
    )

    assert len(names) > 15
    assert all(names)


HOURS = """async hours => {
  const {liveView} = globalThis;
  const {history} = liveView.rates;
  const channels = liveView.nChannels;
  liveView.connection.handlers.update = () => null; // what really comes is of another hour
  const part = (shape, Type) => ({values: new Type(shape.reduce((a, b) => a * b)).fill(7), shape});
  for (let second = 0; second < hours * 3600; second++) {
    history.add({first: history.next, keep: 3600, arrays: {times: part([1], Float64Array),
      input_rate: part([1, channels], Float32Array), output_rate: part([1, channels], Float32Array),
      dead_time: part([1, channels], Float32Array), window0: part([1, channels], Float32Array),
      window1: part([1, channels], Float32Array)}});
    if (second % 10 === 0) liveView.waterfall.add({
      first: liveView.waterfall.next, interval: 1, bins_per_cell: 8,
      arrays: {rows: part([1, 512], Float32Array)}});
    if (second % 180 === 0) {
      liveView.showSpectra();
      liveView.rates.show(liveView.choice.channels);
      liveView.readOut(640);
      await new Promise(requestAnimationFrame);
    }
  }
  return history.times.length;
}"""


def test_eight_hours_of_updates_leave_the_page_as_small_as_one_hour_did(screen):
    session = screen.page.context.new_cdp_session(screen.page)
    screen.press("Space")

    def used() -> float:
        session.send("HeapProfiler.collectGarbage")
        return float(session.send("Runtime.getHeapUsage")["usedSize"])

    screen.page.evaluate(HOURS, 1)
    after_one = used()
    points = screen.page.evaluate(HOURS, 7)

    assert points == 3600
    assert used() < after_one + 2e6
