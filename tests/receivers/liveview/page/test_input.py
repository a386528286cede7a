"""What people type: elements, calibrations, windows; and what the page says of what it cannot use."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.timeout(120)


def lines(screen) -> list[str]:
    return screen.page.evaluate("liveView.search.lines().map(l => `${l.symbol} ${l.line}`)")


@pytest.mark.parametrize(("typed", "found"), [("fe", ["Fe"]), ("Fe, CU", ["Fe", "Cu"]), ("82", ["Pb"])])
def test_elements_are_found_by_symbol_or_number_and_their_lines_are_drawn(screen, typed, found):
    screen.press("/")
    screen.page.keyboard.type(typed)
    screen.press("Enter")

    screen.wait(
        lambda: screen.page.locator(".chip").all_inner_texts() == [f"{symbol} \u00d7" for symbol in found],
        "chips",
    )
    assert {line.split()[0] for line in lines(screen)} == set(found)

    screen.page.locator(".chip").first.click()
    assert found[0] not in {line.split()[0] for line in lines(screen)}


@pytest.mark.parametrize("typed", ["Xx", "Fe Zzz", "<b>", "93"])
def test_an_element_that_does_not_exist_is_a_sentence(screen, typed):
    screen.page.fill("#element", typed)
    screen.page.press("#element", "Enter")

    assert screen.text("#notice").startswith(f"No element \u201c{typed.split()[-1]}\u201d here")
    assert lines(screen) == []


def test_keys_pressed_while_typing_are_letters(screen):
    screen.page.focus("#element")
    screen.page.keyboard.type("s")

    assert not screen.is_pressed("#sum")


def calibrate(screen, **terms: str) -> None:
    screen.page.click("#calibrate")
    for name, value in terms.items():
        screen.page.fill(f"#calibration-{name}", value)
    screen.page.click("#calibration-apply")


def test_a_calibration_moves_the_axis_and_is_there_after_a_reload(screen):
    screen.press("r")
    calibrate(screen, gain="0,005")
    screen.wait(lambda: screen.page.evaluate("liveView.hello.calibration[3].gain") == 0.005, "the new gain")
    screen.wait(
        lambda: screen.page.evaluate("liveView.chart.plot.scales.x.max") == pytest.approx(20.475),
        "the new axis",
    )

    screen.page.reload()

    screen.wait_drawn()
    screen.wait(lambda: screen.page.evaluate("liveView.hello.calibration[0].gain") == 0.005, "the same gain")


def test_one_channel_can_have_a_calibration_of_its_own(screen):
    screen.page.click("#calibrate")
    screen.page.select_option("#calibration-channel", "2")
    screen.page.fill("#calibration-offset", "0.64")
    screen.page.click("#calibration-apply")
    screen.wait(
        lambda: screen.page.evaluate("liveView.hello.calibration[2].offset") == 0.64, "the new offset"
    )
    screen.press("Space")
    screen.wait(
        lambda: screen.page.evaluate("liveView.chart.traces[2].calibration.offset") == 0.64, "drawn by it"
    )

    drawn, came = screen.page.evaluate(
        "[liveView.chart.columns[2][640], liveView.chart.traces[2].values[576]]"
    )

    assert drawn == max(came, 0.5)
    assert screen.page.evaluate("liveView.chart.columns[2][10]") is None


def test_calibrations_for_all_and_for_one_are_both_there_after_a_reload(screen):
    gains = "(liveView.hello?.calibration ?? []).map(c => c.gain).join()"
    calibrate(screen, gain="0.02")
    screen.wait(lambda: screen.page.evaluate(gains) == "0.02,0.02,0.02,0.02", "the gain of all")
    screen.page.click("#calibrate")
    screen.page.select_option("#calibration-channel", "1")
    screen.page.fill("#calibration-gain", "0.03")
    screen.page.press("#calibration-gain", "Enter")
    screen.wait(lambda: screen.page.evaluate(gains) == "0.02,0.03,0.02,0.02", "the gain of one")

    screen.page.reload()

    screen.wait(lambda: screen.page.evaluate(gains) == "0.02,0.03,0.02,0.02", "the same gains")


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"gain": "-0.01"}, "Energies do not rise from bin 0 to 1"),
        ({"gain": "0"}, "Energies do not rise from bin 0 to 1"),
        ({"quadratic": "-0.00001"}, "Energies do not rise from bin 4094 to 4095"),
        ({"gain": ""}, "gain is not a number"),
        ({"offset": "ten"}, "offset is not a number"),
    ],
)
def test_a_calibration_that_cannot_be_is_refused_with_the_reason(screen, terms, sentence):
    calibrate(screen, **terms)

    assert screen.text("#calibration-error").startswith(sentence)
    assert screen.page.evaluate("liveView.hello.calibration[0].gain") == 0.01


def test_energies_and_bins_are_each_others_inverse(modules):
    bins = modules.module(
        "energy",
        "[0, 1, 640.5, 4095].map(bin => m.binOf(argument, m.energyOf(argument, bin)))",
        {"offset": -0.05, "gain": 0.01, "quadratic": 1e-8},
    )

    assert bins == pytest.approx([0, 1, 640.5, 4095], abs=1e-9)


def test_windows_are_read_only_without_control(screen):
    assert "Read only" in screen.text("#window-note")
    assert screen.page.locator("#window-form .set:visible").count() == 0

    screen.page.keyboard.down("Shift")
    screen.drag(600, 700)
    screen.page.keyboard.up("Shift")

    assert "may not write windows" in screen.text("#notice")


@pytest.mark.parametrize(
    "kept",
    [
        "nonsense",
        "[]",
        '{"mode": "frames:0", "scale": "cubic"}',
        '{"scale": 7, "chosen": "all", "elements": null}',
        "null",
    ],
)
def test_what_the_browser_kept_from_another_time_does_no_harm(screen, kept):
    screen.page.evaluate("kept => localStorage.setItem('xspress3-live-view', kept)", kept)

    screen.page.reload()

    screen.wait_drawn()
    assert screen.page.input_value("#scale") == "log"
