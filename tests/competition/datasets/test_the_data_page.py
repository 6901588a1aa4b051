"""The data page tells everybody what the data are: files, licence, pictures by class, charts."""

import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

from competition.datasets.charts import charts
from competition.datasets.gallery import PAGE_SIZE, gallery
from competition.datasets.overview import LEAD_TIMES, precision_of_coldest
from tests.competition.conftest import signed_in

PAGE = "/competitions/typhoons/data/"


@pytest.fixture
def train(release_folder) -> pl.DataFrame:
    return pl.read_csv(release_folder / "train.csv").with_row_index("n")


@pytest.fixture
def shard(release_folder) -> np.ndarray:
    return np.load(release_folder / "train" / "images-00000.npy", mmap_mode="r")


@pytest.fixture
def anybody():
    return signed_in(None)


def test_everybody_sees_files_licence_and_pictures(data, anybody):
    page = anybody.get(PAGE)
    assert page.status_code == 200
    text = page.content.decode()
    for file in data.files.all():
        assert file.path in text
    assert "CC0-1.0" in text
    assert page.context["may_download"] is False
    assert page.context["total_size"] == sum(file.size for file in data.files.all())


def test_a_competition_without_data_says_so(typhoons, anybody):
    assert anybody.get(PAGE).status_code == 200


def test_a_draft_has_no_page_for_others(data, typhoons, carol):
    typhoons.published_at = None
    typhoons.save()
    assert signed_in(carol).get(PAGE).status_code == 404
    assert signed_in(carol).get(f"{PAGE}images/0.png").status_code == 404


def test_the_page_asks_the_database_as_often_for_many_files_as_for_few(
    data, anybody, django_assert_max_num_queries
):
    with django_assert_max_num_queries(4):
        anybody.get(PAGE)


def test_groups_hold_the_images_of_their_class_and_lead_time(data, typhoons, train):
    groups = gallery(release=data, competition=typhoons).groups
    assert sum(group.rows for group in groups) == len(train)
    for group in groups:
        shown = gallery(release=data, competition=typhoons, group=group.key)
        assert shown.group.key == group.key
        rows = train[[picture.n for picture in shown.pictures]]
        if group.key == "negative":
            assert rows["label"].sum() == 0
        else:
            lower, upper = LEAD_TIMES[group.key]
            assert rows["label"].sum() == len(rows)
            assert rows["lead_time_hours"].is_between(lower, upper, closed="right").all()


def test_pages_are_the_same_each_time_and_share_no_image(data, typhoons):
    def numbers(page: int) -> list[int]:
        shown = gallery(release=data, competition=typhoons, group="negative", page=page)
        return [picture.n for picture in shown.pictures]

    assert numbers(1) == numbers(1)
    assert len(numbers(1)) == PAGE_SIZE
    assert not set(numbers(1)) & set(numbers(2))
    assert numbers(99) == numbers(gallery(release=data, competition=typhoons, group="negative").pages)
    assert numbers(-5) == numbers(1)


@pytest.mark.parametrize(
    "query", ["?group=nonsense", "?page=0", "?page=x", "?page=99999999999999", "?page=²"]
)
def test_an_odd_query_shows_a_page_all_the_same(data, anybody, query):
    assert anybody.get(PAGE + query).status_code == 200


def test_htmx_gets_the_gallery_alone(data, anybody):
    text = anybody.get(
        f"{PAGE}?group=negative&page=2", headers={"HX-Request": "true", "HX-Target": "gallery"}
    )
    assert b"<html" not in text.content
    assert b'id="gallery"' in text.content


def test_captions_tell_lead_time_basin_and_date(data, typhoons, train):
    picture = gallery(release=data, competition=typhoons, group="3-days").pictures[0]
    row = train.row(picture.n, named=True)
    assert f"{row['lead_time_hours']:g} h before" in picture.caption
    assert row["basin"] in picture.caption
    assert row["time"][:10] in picture.caption
    assert picture.caption in picture.alt


def test_a_picture_is_the_image_pixel_by_pixel(data, typhoons, anybody, shard):
    for picture in gallery(release=data, competition=typhoons).pictures[:3]:
        response = anybody.get(picture.url)
        assert response["Content-Type"] == "image/png"
        assert response["Cache-Control"] == "public, max-age=3600"
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(response.content))), shard[picture.n])


def test_a_browser_that_has_a_picture_gets_304(data, typhoons, anybody):
    url = gallery(release=data, competition=typhoons).pictures[0].url
    assert anybody.get(url, headers={"If-None-Match": anybody.get(url)["ETag"]}).status_code == 304


@pytest.mark.usefixtures("team")
def test_pictures_outside_the_gallery_are_for_participants(data, alice, anybody, shard):
    shown = {image["n"] for images in data.overview["gallery"].values() for image in images}
    other = next(n for n in range(len(shard)) if n not in shown)
    assert anybody.get(f"{PAGE}images/{other}.png").status_code == 404
    assert signed_in(alice).get(f"{PAGE}images/{other}.png").status_code == 200


@pytest.mark.parametrize("n", ["640", "99999999999999999999", "-1", "test_0000000", "1.5"])
def test_there_are_no_pictures_beyond_the_training_set(data, staff, n):
    assert signed_in(staff).get(f"{PAGE}images/{n}.png").status_code == 404


def test_the_histograms_count_every_image(data, train, shard):
    positive = train["label"].to_numpy() == 1
    olr = data.overview["olr"]
    assert sum(olr["positive"]) == positive.sum()
    assert sum(olr["negative"]) == (~positive).sum()
    means = 300 - shard[np.flatnonzero(positive)].mean(axis=(1, 2)) * (215 / 255)
    assert np.average(olr["edges"][:-1], weights=olr["positive"]) + 0.5 == pytest.approx(
        means.mean(), abs=0.5
    )
    assert sum(data.overview["lead_times"]["counts"]) == positive.sum()


def test_the_precision_of_a_threshold_is_that_of_trying_it(data, train, shard):
    positive = train["label"].to_numpy() == 1
    means = 300 - shard.mean(axis=(1, 2)) * (215 / 255)
    threshold = np.floor(np.sort(means[positive])[int(np.ceil(0.79 * positive.sum())) - 1]) + 1
    alarms = means < threshold
    said = precision_of_coldest(
        data.overview, positives=int(positive.sum()), negatives=int((~positive).sum()), recall=0.79
    )
    assert said == pytest.approx((positive & alarms).sum() / alarms.sum())


def test_charts_say_in_words_what_they_show(data, typhoons):
    olr, lead_time = charts(release=data, competition=typhoons)
    assert "79%" in olr.text
    assert "precursors" in lead_time.text
    assert olr.item["target_id"] == olr.element == "chart-olr"
