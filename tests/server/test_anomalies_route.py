"""POST /v1/anomalies as clients use it and as they break it: JSON, forms, bombs, nonsense."""

import base64
import time
from io import BytesIO

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from request_images import NO_PICTURES, blotted, data_url, encoded, png_bomb, rotated_jpeg, striped

from embedsvc.detectors import Hog
from embedsvc.server.app import create_app
from embedsvc.server.settings import ServeSettings
from embedsvc.store.detectors import load_detector, save_detector

PATH = "/v1/anomalies"
GOOD = encoded(striped(100))
BAD = encoded(blotted(101))
FIELDS = {"object", "index", "name", "score", "is_anomaly", "p_value"} | {
    *("width", "height", "heatmap", "error")
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detectors") / "gears"
    save_detector(Hog(size=64).fit([encoded(striped(seed)) for seed in range(20)]), folder)
    return folder


@pytest.fixture(scope="module")
def detector(folder):
    return load_detector(folder)


@pytest.fixture(scope="module")
def client(folder):
    settings = ServeSettings(detectors=(f"gears={folder}",), max_items=40, max_image_bytes=200_000)
    app = create_app(settings)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        deadline = time.monotonic() + 60
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield client


def scored(answer):
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() == {"object", "data", "model", "method", "threshold"}
    assert (body["object"], body["model"], body["method"]) == ("list", "gears", "hog")
    for index, one in enumerate(body["data"]):
        assert one.keys() == FIELDS
        assert (one["object"], one["index"]) == ("anomaly", index)
    return body["data"]


def refused(answer, status, match="", *, param=None):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert match in error["message"]
    assert error["param"] == param
    assert len(error["message"]) < 600
    return error


def files(*contents, field="image"):
    return [(field, (f"x{i}.png", content)) for i, content in enumerate(contents)]


# What is taken


def test_json_with_data_urls(client, detector):
    images = [data_url(GOOD), data_url(BAD, "text/plain"), base64.b64encode(BAD).decode()]
    data = scored(client.post(PATH, json={"model": "gears", "images": images}))
    scores = detector.anomaly_score([GOOD, BAD, BAD])
    np.testing.assert_allclose([one["score"] for one in data], scores, atol=1e-5)
    assert [one["is_anomaly"] for one in data] == [False, True, True]
    np.testing.assert_allclose([one["p_value"] for one in data], detector.p_value(scores))
    assert {(one["width"], one["height"]) for one in data} == {(64, 64)}
    for name in ("name", "heatmap", "error"):
        assert {one[name] for one in data} == {None}


def test_one_image_without_a_list_and_without_a_model(client):
    assert len(scored(client.post(PATH, json={"images": data_url(GOOD)}))) == 1


def test_no_images_in_json(client):
    assert scored(client.post(PATH, json={"images": []})) == []


def test_files_of_a_form(client, detector):
    answer = client.post(PATH, data={"model": "gears", "heatmap": "false"}, files=files(GOOD, BAD))
    data = scored(answer)
    assert [one["name"] for one in data] == ["x0.png", "x1.png"]
    expected = detector.anomaly_score([GOOD, BAD])
    np.testing.assert_allclose([one["score"] for one in data], expected, atol=1e-5)


def test_heat_maps_of_a_detector_without_maps(client):
    for answer in (
        client.post(PATH, json={"images": data_url(GOOD), "heatmap": True}),
        client.post(PATH, data={"heatmap": "true"}, files=files(GOOD)),
    ):
        assert [one["heatmap"] for one in scored(answer)] == [None]


@pytest.mark.parametrize(
    "file",
    [
        rotated_jpeg(striped(0)[:, :40]),
        encoded(Image.fromarray(striped(1)).convert("CMYK"), "JPEG"),
        encoded(striped(2)[..., 0].astype(np.uint16) << 8),
        encoded(
            Image.fromarray(striped(3)),
            "GIF",
            save_all=True,
            append_images=[Image.new("RGB", (9, 9))],
        ),
        encoded(striped(4), "TIFF", compression="tiff_lzw"),
    ],
    ids=["rotated", "cmyk", "16 bit", "gif", "tiff"],
)
def test_pictures_of_every_kind(client, detector, file):
    (one,) = scored(client.post(PATH, files=files(file)))
    assert one["score"] == pytest.approx(detector.anomaly_score([file])[0], abs=1e-5)
    with Image.open(BytesIO(file)) as image:
        turned = image.getexif().get(0x0112) == 6
        assert (one["width"], one["height"]) == (image.size[::-1] if turned else image.size)


# Images that cannot be used


def test_a_bad_image_has_its_own_error(client):
    images = [data_url(GOOD), "no!", data_url(png_bomb()), data_url(GOOD[:900]), data_url(BAD)]
    data = scored(client.post(PATH, json={"images": images}))
    assert [one["score"] is None for one in data] == [False, True, True, True, False]
    for one in data[1:4]:
        assert one["error"]["param"] == f"images[{one['index']}]"
        assert f"images[{one['index']}]" in one["error"]["message"]
        nothing = ("score", "is_anomaly", "p_value", "width", "height", "heatmap")
        assert {one[name] for name in nothing} == {None}
    assert [one["error"]["code"] for one in data[1:4]] == [
        "invalid_value",
        "too_large",
        "invalid_value",
    ]


def test_a_bad_file_is_named_as_its_client_does(client):
    data = scored(client.post(PATH, files=files(GOOD, b"<svg/>", GOOD[:900])))
    for index in (1, 2):
        assert f"x{index}.png" in data[index]["error"]["message"]
        assert data[index]["error"]["param"] == f"image[{index}]"
        assert data[index]["name"] == f"x{index}.png"


@pytest.mark.parametrize("content", NO_PICTURES.values(), ids=list(NO_PICTURES))
def test_where_all_are_bad_the_first_error_is_the_answer(client, content):
    refused(client.post(PATH, files=files(content, b"x")), 400, "x0.png", param="image[0]")
    answer = client.post(PATH, json={"images": [data_url(content), "x"]})
    refused(answer, 400, "images[0]", param="images[0]")


def test_bombs(client):
    for side in (50_000, 2**31 - 1):
        refused(
            client.post(PATH, files=files(png_bomb(side))),
            413,
            f"{side:,} x {side:,}",
            param="image[0]",
        )


def test_a_thousand_empty_files(client):
    refused(client.post(PATH, files=files(*[b""] * 40)), 400, "empty file", param="image[0]")
    refused(client.post(PATH, files=files(*[b""] * 1000)), 413, "at most 42 fields")


# Limits


def test_the_limit_of_images(client):
    assert len(scored(client.post(PATH, json={"images": [data_url(GOOD)] * 40}))) == 40
    answer = client.post(PATH, json={"images": ["x"] * 41})
    refused(answer, 413, "at most 40 items", param="images")
    refused(client.post(PATH, files=files(*[GOOD] * 41)), 413, "at most 40 items", param="image")


def test_the_limit_of_bytes(client):
    big = GOOD + bytes(200_000)
    for answer, param in (
        (client.post(PATH, json={"images": [data_url(big)]}), "images[0]"),
        (client.post(PATH, files=files(big)), "image[0]"),
    ):
        refused(answer, 413, "at most 200,000 bytes", param=param)


def test_the_limit_of_heat_maps(folder, client, monkeypatch):
    monkeypatch.setattr("embedsvc.server.routes.anomalies._MOST_HEATMAPS", 3)
    images = [data_url(GOOD)] * 4
    answer = client.post(PATH, json={"images": images, "heatmap": True})
    refused(answer, 413, "at most 3 images where heat maps", param="images")
    assert len(scored(client.post(PATH, json={"images": images}))) == 4
    assert len(scored(client.post(PATH, json={"images": images[:3], "heatmap": True}))) == 3


# Requests that are malformed


@pytest.mark.parametrize(
    ("body", "match", "param"),
    [
        (b"", "Expected JSON", None),
        (b"{", "Expected JSON", None),
        (b"[]", "Expected a JSON object", None),
        (b'"x"', "Expected a JSON object", None),
        (b"\xff\xfe", "Expected JSON", None),
        (b'{"images": "\xff"}', "Expected JSON", None),
        (b"{}", "the field 'images'", "images"),
        (b'{"images": null}', "got null", "images"),
        (b'{"images": 5}', "got a number", "images"),
        (b'{"images": {"a": 1}}', "got an object", "images"),
        (b'{"images": ["x", 5]}', "got a number", "images[1]"),
        (b'{"images": [["x"]]}', "got a list", "images[0]"),
        (b'{"images": "x", "heatmap": "yes"}', "heatmap", "heatmap"),
        (b'{"images": "x", "heatmap": 1}', "heatmap", "heatmap"),
        (b'{"images": "x", "model": 5}', "model", "model"),
        (b'{"image": "x"}', "images", "image"),
        (b'{"images": "x", "heatmaps": true}', "Did you mean 'heatmap'?", "heatmaps"),
        (b"[" * 100_000, "Expected JSON", None),
    ],
)
def test_malformed_json(client, body, match, param):
    answer = client.post(PATH, content=body, headers={"content-type": "application/json"})
    refused(answer, 400, match, param=param)


def test_unknown_models(client):
    for answer in (
        client.post(PATH, json={"model": "gear", "images": data_url(GOOD)}),
        client.post(PATH, data={"model": "gear"}, files=files(GOOD)),
    ):
        assert refused(answer, 404, "gears", param="model")["code"] == "model_not_found"
    refused(client.post(PATH, data={"model": ""}, files=files(GOOD)), 404, "gears", param="model")


@pytest.mark.parametrize(
    "content_type",
    [
        *("", "text/plain", "application/x-www-form-urlencoded", "image/png", "application/jsonx"),
        *("multipart/mixed; boundary=x", "application/octet-stream", "\u00e4" * 50, ";" * 300),
    ],
)
def test_other_media_types(client, content_type):
    answer = client.post(
        PATH, content=GOOD, headers={"content-type": content_type.encode("latin-1")}
    )
    assert refused(answer, 415, "Expected JSON or a form")["code"] == "unsupported_media_type"


def test_no_media_type(client):
    refused(client.post(PATH, content=b"{}"), 415, "got the content type (empty)")


@pytest.mark.parametrize(
    ("fields", "sent", "match", "param"),
    [
        ({"model": "gears"}, {}, "at least one file in the field image", "image"),
        ({"image": "x.png"}, {"model": (None, "gears")}, "got a text", "image"),
        ({"images": "x"}, files(GOOD), "got images too", "images"),
        ({}, files(GOOD, field="images"), "got images too", "images"),
        ({}, files(GOOD, field="x" * 5000), "too", "x" * 60 + "…"),
        ({}, files(GOOD, field="\u202e"), "too", "\\u202e"),
        (
            {},
            [*files(GOOD), ("model", ("m.txt", b"gears"))],
            "in the field model, got a file",
            "model",
        ),
        ({"model": ["gears", "gears"]}, files(GOOD), "model once, got it 2 times", "model"),
        ({"heatmap": "yes"}, files(GOOD), "true or false, got yes", "heatmap"),
        ({"heatmap": ""}, files(GOOD), "true or false, got (empty)", "heatmap"),
        ({"heatmap": "TRUE" * 999}, files(GOOD), "true or false", "heatmap"),
        ({"model": b"\xff"}, files(GOOD), "in UTF-8", "model"),
    ],
)
def test_malformed_forms(client, fields, sent, match, param):
    sent = sent or {"model": (None, "gears")}
    if fields == {"model": "gears"}:
        fields = {}
    refused(client.post(PATH, data=fields, files=sent), 400, match, param=param)


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=y", 'MULTIPART/form-data;boundary=""'],
)
def test_forms_with_a_wrong_boundary(client, content_type):
    body = b'--x\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n1\r\n--x--'
    answer = client.post(PATH, content=body, headers={"content-type": content_type})
    refused(answer, 400, "Expected a form")


def test_a_wrong_charset_is_passed_over(client):
    request = client.build_request("POST", PATH, files=files(GOOD))
    body, kind = request.read(), request.headers["content-type"]
    headers = {"content-type": f"{kind}; charset=no-such"}
    assert len(scored(client.post(PATH, content=body, headers=headers))) == 1
    headers = {"content-type": "application/json; charset=no-such"}
    refused(client.post(PATH, content=b"{}", headers=headers), 400, "images", param="images")


def test_names_of_files_are_made_fit_to_be_shown(client):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="'
        + b"../\x1b[31m"
        + b"y" * 3000
        + b'"\r\n\r\n'
        + GOOD
        + b"\r\n--x--"
    )
    headers = {"content-type": "multipart/form-data; boundary=x"}
    (one,) = scored(client.post(PATH, content=body, headers=headers))
    assert one["name"].startswith("../\\x1b[31myyy")
    assert len(one["name"]) == 100


def test_malformed_bodies_at_random(client):
    rng = np.random.default_rng(11)
    good = client.build_request(
        "POST", PATH, data={"heatmap": "true"}, files=files(GOOD[:300], b"x")
    )
    form, form_type = good.read(), good.headers["content-type"]
    json_body = (
        b'{"images": ["data:image/png;base64,AAAA", "x"], "heatmap": true, "model": "gears"}'
    )
    for turn in range(600):
        data = bytearray(form if turn % 2 else json_body)
        for _ in range(rng.integers(1, 6)):
            at = rng.integers(0, len(data) + 1)
            data[at : at + rng.integers(0, 4)] = rng.bytes(rng.integers(0, 4))
        if rng.random() < 0.2:
            del data[rng.integers(0, len(data)) :]
        kind = form_type if turn % 2 else "application/json"
        answer = client.post(PATH, content=bytes(data), headers={"content-type": kind})
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.json()["error"]["message"].startswith(
            ("Expected", "images", "model", "heatmap")
        )


# The document


def test_the_document_says_both_forms(client):
    post = client.get("/openapi.json").json()["paths"][PATH]["post"]
    content = post["requestBody"]["content"]
    assert content.keys() == {"application/json", "multipart/form-data"}
    assert content["application/json"]["schema"]["required"] == ["images"]
    assert content["application/json"]["schema"]["additionalProperties"] is False
    assert content["multipart/form-data"]["schema"]["properties"].keys() == {
        "image",
        "model",
        "heatmap",
    }
    assert "AnomalyResponse" in str(post["responses"]["200"])
    assert {"400", "404", "413", "415", "429"} <= post["responses"].keys()


def test_the_model_is_listed(client, detector):
    (model,) = client.get("/v1/models").json()["data"]
    assert (model["id"], model["kind"], model["method"]) == ("gears", "detector", "hog")
    assert model["threshold"] == detector.threshold_
    assert (model["heatmap"], model["size"]) == (False, [64, 64])


def test_images_are_counted(client):
    def count():
        lines = client.get("/metrics").text.splitlines()
        return sum(
            float(line.split()[-1]) for line in lines if line.startswith("embedsvc_images_total")
        )

    before = count()
    scored(client.post(PATH, files=files(GOOD, BAD, b"no")))
    assert count() == before + 2
