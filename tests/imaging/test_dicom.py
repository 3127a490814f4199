"""DICOM decoding: order of the steps, depths, real files, and bad files one by one."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from tests.imaging.dicom_files import NAME, NUMBER, lut, write_dicom
from xaimed.errors import InputError
from xaimed.imaging.dicom import patient_key, read_dicom

RAMP = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)


def shown(path: Path) -> np.ndarray:
    return read_dicom(path).image[0]


def test_without_window_12_of_16_bits(tmp_path: Path) -> None:
    decoded = read_dicom(write_dicom(tmp_path / "a.dcm", RAMP, bits=12))
    np.testing.assert_allclose(decoded.image[0], RAMP / 4095, atol=1e-6)
    assert (decoded.bits, decoded.rendering) == (12, "bit depth")
    assert decoded.digest == hashlib.sha256(RAMP.tobytes()).hexdigest()


def test_high_bits_are_not_pixels(tmp_path: Path) -> None:
    overlay = RAMP | 0x8000
    np.testing.assert_allclose(shown(write_dicom(tmp_path / "a.dcm", overlay, bits=12)), RAMP / 4095, atol=1e-6)


def test_signed_range(tmp_path: Path) -> None:
    values = np.array([[-2048, 0], [1024, 2047]], np.int16)
    np.testing.assert_allclose(shown(write_dicom(tmp_path / "a.dcm", values, bits=12)), (values + 2048) / 4095.0,
                               atol=1e-6)


def test_a_sixteenth_of_the_range_is_stretched(tmp_path: Path) -> None:
    decoded = read_dicom(write_dicom(tmp_path / "a.dcm", RAMP, bits=16))
    assert decoded.rendering == "minimum to maximum"
    np.testing.assert_allclose(decoded.image[0], RAMP / 4080, atol=1e-6)


def test_monochrome1_is_inverted_after_the_window(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP, bits=12, WindowCenter="1000", WindowWidth="801",
                       PhotometricInterpretation="MONOCHROME1")
    lit = np.clip((RAMP - 999.5) / 800 + 0.5, 0, 1)
    np.testing.assert_allclose(shown(path), 1 - lit, atol=1e-6)
    # Inverting first, the known mistake, gives another picture.
    wrong = np.clip(((4095 - RAMP) - 999.5) / 800 + 0.5, 0, 1)
    assert np.abs(shown(path) - wrong).max() > 0.5


def test_rescale_comes_before_the_window(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP, bits=12, RescaleSlope="2", RescaleIntercept="-1024",
                       WindowCenter=["40", "500"], WindowWidth=["400", "100"])
    expected = np.clip(((RAMP * 2.0 - 1024) - 39.5) / 399 + 0.5, 0, 1)
    np.testing.assert_allclose(shown(path), expected, atol=1e-6)


def test_sigmoid(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP, bits=12, WindowCenter="2000", WindowWidth="1000",
                       VOILUTFunction="SIGMOID")
    np.testing.assert_allclose(shown(path), 1 / (1 + np.exp(-4 * (RAMP - 2000.0) / 1000)), atol=1e-6)


def test_voi_sequence_wins_and_counts_by_its_own_depth(tmp_path: Path) -> None:
    values = np.array([[0, 1], [2, 9]], np.uint16)
    path = write_dicom(tmp_path / "a.dcm", values, bits=12, WindowCenter="1", WindowWidth="2",
                       VOILUTSequence=[lut(1, 10, [0, 512, 1023]), lut(0, 8, [7])])
    np.testing.assert_allclose(shown(path), np.array([[0, 0], [512, 1023]]) / 1023, atol=1e-6)
    assert read_dicom(path).rendering == "VOI LUT"


def test_signed_voi_table(tmp_path: Path) -> None:
    values = np.array([[-2, -1], [0, 1]], np.int16)
    path = write_dicom(tmp_path / "a.dcm", values, VOILUTSequence=[lut(-2, 8, [0, 51, 102, 255])])
    np.testing.assert_allclose(shown(path), np.array([[0, 0.2], [0.4, 1]]), atol=1e-6)


def test_modality_table(tmp_path: Path) -> None:
    values = np.array([[0, 1], [2, 3]], np.uint16)
    table = lut(0, 12, [0, 1000, 2000, 4095])
    table.ModalityLUTType = "US"
    path = write_dicom(tmp_path / "a.dcm", values, bits=12, ModalityLUTSequence=[table])
    np.testing.assert_allclose(shown(path), np.array([[0, 1000], [2000, 4095]]) / 4095, atol=1e-6)


def test_padding_is_black_even_inverted(tmp_path: Path) -> None:
    values = RAMP.copy()
    values[:2] = 4095
    path = write_dicom(tmp_path / "a.dcm", values, bits=12, PixelPaddingValue=4095,
                       PhotometricInterpretation="MONOCHROME1")
    assert (shown(path)[:2] == 0).all()
    assert shown(path)[2, 0] > 0.8


def test_colour_keeps_three_channels(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    decoded = read_dicom(write_dicom(tmp_path / "a.dcm", values))
    np.testing.assert_allclose(decoded.image, np.moveaxis(values, -1, 0) / 255, atol=1e-6)


def test_no_identifier_and_only_known_words(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP, bits=12, Modality="MG", ViewPosition="MLO", ImageLaterality="L",
                       Manufacturer="LORAD, a Hologic Company", ImagerPixelSpacing=["0.07", "0.07"],
                       PatientOrientation=["A", "F"], PresentationIntentType="FOR PRESENTATION")
    decoded = read_dicom(path)
    assert decoded.groups == {"modality": "MG", "view": "MLO", "side": "L", "vendor": "Hologic",
                              "intent": "presentation"}
    assert decoded.spacing_mm == pytest.approx(0.07)
    hidden = read_dicom(write_dicom(tmp_path / "b.dcm", RAMP, bits=12, Modality="DOE", ViewPosition="JANE",
                                    Manufacturer=NAME, ImageLaterality="X"))
    assert hidden.groups == {"vendor": "other"}


def test_patient_key_groups_without_telling(tmp_path: Path) -> None:
    one, two = (patient_key(write_dicom(tmp_path / f"{i}.dcm", RAMP + i, bits=12)) for i in range(2))
    other = patient_key(write_dicom(tmp_path / "x.dcm", RAMP, PatientID="HOSP-4712"))
    assert one == two != other
    assert one is not None
    assert NUMBER.encode() not in one
    assert patient_key(write_dicom(tmp_path / "n.dcm", RAMP, PatientID="")) is None


# Bad files

def refused(path: Path, caplog: pytest.LogCaptureFixture) -> str:
    with caplog.at_level(logging.DEBUG), pytest.raises(InputError) as raised:
        read_dicom(path)
    text = str(raised.value)
    assert "\n" not in text
    assert path.name in text
    for secret in (NAME, "Doe", NUMBER, "1950"):
        assert secret not in text + caplog.text
    return text


def test_png_under_another_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 300)
    assert "not a DICOM file" in refused(path, caplog)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_truncated(tmp_path: Path, caplog: pytest.LogCaptureFixture, share: float) -> None:
    path = write_dicom(tmp_path / "a.dcm", np.tile(RAMP, (4, 4)), bits=12)
    data = path.read_bytes()
    path.write_bytes(data[:max(140, int(share * len(data)))])
    text = refused(path, caplog)
    assert "truncated" in text or "without pixels" in text


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_truncated_compressed(data_root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, share: float) -> None:
    data = (data_root / "cbis-ddsm-dicom" / "Mass-Test_P_00173_LEFT_CC.dcm").read_bytes()
    path = tmp_path / "a.dcm"
    path.write_bytes(data[:int(share * len(data))])
    assert "truncated" in refused(path, caplog)


def test_nan_pixels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = np.linspace(0, 5, 64, dtype=np.float32).reshape(8, 8)
    np.testing.assert_allclose(shown(write_dicom(tmp_path / "b.dcm", values)), values / 5, atol=1e-6)
    values[3, :2] = np.nan
    assert "2 pixels are NaN" in refused(write_dicom(tmp_path / "a.dcm", values), caplog)


def test_several_frames(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP, bits=12, Rows=8, NumberOfFrames="2")
    assert "2 frames" in refused(path, caplog)


def test_size_is_checked_before_decoding(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP, bits=12, Rows=60000, Columns=60000)
    assert "3600000000 pixel values" in refused(path, caplog)


def test_bad_window_and_no_pixels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP, bits=12, WindowCenter="5", WindowWidth="0")
    assert "window width 0" in refused(path, caplog)
    assert "without pixels" in refused(Path(str(get_testdata_file("rtplan.dcm", download=False))), caplog)


# Files of others

KNOWN = ["CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_jp2klossless.dcm",
         "MR_small_jpeg_ls_lossless.dcm", "693_J2KI.dcm", "SC_rgb_rle.dcm", "SC_rgb_small_odd.dcm",
         "SC_ybr_full_422_uncompressed.dcm", "examples_palette.dcm", "ExplVR_BigEnd.dcm", "examples_jpeg2k.dcm"]


@pytest.mark.parametrize("name", KNOWN)
def test_files_of_pydicom(name: str) -> None:
    decoded = read_dicom(Path(str(get_testdata_file(name, download=False))))
    assert decoded.image.dtype == np.float32
    assert 0 <= decoded.image.min() < decoded.image.max() <= 1
    assert decoded.image.std() > 0.02, "nearly black: the range is wrong"


def test_compression_changes_no_pixel() -> None:
    plain, *others = (read_dicom(Path(str(get_testdata_file(name, download=False)))) for name in KNOWN[1:6])
    assert {other.digest for other in others} == {plain.digest}


def test_ct_padding_takes_no_part() -> None:
    path = Path(str(get_testdata_file("CT_small.dcm", download=False)))
    header = pydicom.dcmread(path)
    stored = header.pixel_array
    seen = stored[stored != header.PixelPaddingValue]
    expected = np.where(stored == header.PixelPaddingValue, 0,
                        (stored.astype(float) - seen.min()) / (seen.max() - seen.min()))
    np.testing.assert_allclose(shown(path), expected, atol=1e-6)


def test_truncated_file_of_pydicom(caplog: pytest.LogCaptureFixture) -> None:
    refused(Path(str(get_testdata_file("MR_truncated.dcm", download=False))), caplog)


def test_cbis_keeps_its_depth_and_gives_its_view(data_root: Path) -> None:
    files = sorted((data_root / "cbis-ddsm-dicom").glob("*.dcm"))
    assert len(files) == 8
    for path in files:
        decoded, stored = read_dicom(path), pydicom.dcmread(path).pixel_array
        np.testing.assert_allclose(decoded.image[0], stored / 65535.0, atol=1e-6)
        *_, side, view = path.stem.split("_")
        assert decoded.groups == {"modality": "MG", "view": view, "side": side[0]}
    keys = [patient_key(path) for path in files]
    assert [keys.count(key) for key in keys] == [4] * 8, "four views of each of two patients"


def test_real_files_of_other_modalities(data_root: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = data_root / "dicom-samples"
    # A chest and a hand: tissue is bright only when MONOCHROME1 was inverted, air at the rim is dark.
    for name in ("RG1_J2KI.dcm", "dx_image.dcm"):
        header = pydicom.dcmread(folder / name)
        width, centre = (float(np.ravel(header[tag].value)[0]) for tag in ("WindowWidth", "WindowCenter"))
        lit = np.clip((header.pixel_array.astype(float) - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
        np.testing.assert_allclose(shown(folder / name), 1 - lit, atol=1e-5)
    for name, frames in (("eCT_Supplemental.dcm", 2), ("emri_small.dcm", 10), ("seg_image_ct_binary.dcm", 3)):
        assert f"{frames} frames" in refused(folder / name, caplog)


def test_signed_mr_slices_are_not_black(data_root: Path) -> None:
    for path in sorted((data_root / "mr-t1-dicom").glob("*.dcm"))[::8]:
        decoded = read_dicom(path)
        assert decoded.rendering == "minimum to maximum"
        assert decoded.image.max() == 1
        assert decoded.spacing_mm is None, "0.667 x 0.700 mm are no square pixels"
