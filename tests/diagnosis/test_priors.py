"""The figures behind the estimate: cited, complete, and refused where they cannot be."""

from copy import deepcopy
from typing import Any

import pytest

from services.diagnosis.domain.priors import parse
from services.diagnosis.loading import document, priors

Documents = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]


@pytest.fixture
def documents() -> Documents:
    survey, model, instruments = (deepcopy(document(name)) for name in ("survey", "model", "instruments"))
    return survey, model, instruments


def test_every_figure_of_the_survey_has_a_unit_and_its_page(documents: Documents) -> None:
    survey = documents[0]
    figures = [figure for figure in survey.values() if isinstance(figure, dict)]
    assert len(figures) == 7
    for figure in figures:
        assert figure["unit"] == "%"
        entries = figure.get("bands") or list(figure["values"].values())
        assert all(entry["citation"] == "plan:붙임2-p.14" for entry in entries)


def test_readings_of_our_own_say_that_they_are(documents: Documents) -> None:
    _, model, instruments = documents
    assert model["interpretation"] is True
    assert instruments["interpretation"] is True
    assert all(entry["source"] for entry in instruments["instruments"].values())


def test_the_documents_in_force_are_sound() -> None:
    assert priors().advanced_share == pytest.approx(11.3 / 47.6)


def test_a_gap_between_bands_is_refused(documents: Documents) -> None:
    documents[0]["use_rate"]["bands"][1]["to"] = 9
    with pytest.raises(ValueError, match="no gap"):
        parse(*documents)


def test_a_band_that_ends_is_refused(documents: Documents) -> None:
    documents[0]["use_rate"]["bands"][-1]["to"] = 1000
    with pytest.raises(ValueError, match="without end"):
        parse(*documents)


def test_a_share_of_nothing_or_all_is_refused(documents: Documents) -> None:
    documents[0]["trained_rate"]["bands"][0]["value"] = 100
    with pytest.raises(ValueError, match="between 0 and 100"):
        parse(*documents)


def test_a_figure_without_its_page_is_refused(documents: Documents) -> None:
    documents[0]["hours_wanted"]["values"]["lt4"]["citation"] = "somewhere"
    with pytest.raises(ValueError, match="needs its page"):
        parse(*documents)


def test_points_that_do_not_make_100_are_refused(documents: Documents) -> None:
    documents[1]["known"]["values"]["region"] = 11
    with pytest.raises(ValueError, match="make 100"):
        parse(*documents)


def test_a_tier_without_a_factor_is_refused(documents: Documents) -> None:
    del documents[1]["region_odds"]["values"]["depopulation"]
    with pytest.raises(ValueError, match="every region tier"):
        parse(*documents)


def test_a_scale_with_an_unknown_level_is_refused(documents: Documents) -> None:
    documents[2]["instruments"]["dmat"]["scales"][0]["levels"][0] = "expert"
    with pytest.raises(ValueError, match="expert"):
        parse(*documents)


def test_two_instruments_of_one_name_are_refused(documents: Documents) -> None:
    documents[2]["instruments"]["dmat"]["names"].append("oairi")
    with pytest.raises(ValueError, match="two instruments"):
        parse(*documents)


def test_a_missing_figure_is_refused(documents: Documents) -> None:
    del documents[0]["fields_wanted"]["values"]["knowledge"]
    with pytest.raises(KeyError, match="knowledge"):
        parse(*documents)
