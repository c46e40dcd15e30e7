"""Training: one seed gives the same figures, a killed run goes on as if never stopped, a run holds what it should."""

import csv
import errno
import io as text
import json
import os
import re
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import trainings
from PIL import Image
from rich.console import Console
from tiny_images import spots

from gaussgrad import data, metrics
from gaussgrad.autoencoder import GaussianAutoencoder
from gaussgrad.autoencoder.heads import LATENTS
from gaussgrad.training import augment, checkpoints, loop, modules, report, session
from gaussgrad.training import run as runs
from gaussgrad.training.configuration import DEFAULT_STEPS, GUIDED_PACE, PACE, Configuration
from gaussgrad.training.objective import objective

SHORT = Configuration(n=2, looks=1, epochs=3, batch_size=16)


def _images(**arguments):
    pixels = spots(**arguments)
    return data.Images(pixels, tuple(map(str, range(len(pixels)))), "spots")


def _train(folder, configuration=SHORT, images=None):
    """The run, its model and its figures, after a whole training."""
    images = images or _images()
    split = data.split(len(images.pixels), configuration.held_out)
    run = runs.start(folder, configuration, images)
    numbers = loop.new_model(configuration, images).numbers_per_image
    baselines = metrics.baselines(images.pixels[split.training], images.pixels[split.held_out], numbers)
    model = loop.fit(run, images, split, baselines, Console(file=text.StringIO()))
    return run, model, report.write(run, model, images, split, baselines, seconds=0.0)


def _weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def _assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)


def test_one_seed_gives_the_same_figures_twice(tmp_path):
    _, first_model, first = _train(tmp_path / "first")
    torch.manual_seed(99)  # what happened before does not matter
    _, second_model, second = _train(tmp_path / "second")
    assert first == second
    _assert_equal(_weights(first_model), _weights(second_model))
    for name in ("metrics.csv", "metrics.json", "held_out.png", "worst.png", "learning_curve.png"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_another_seed_gives_other_figures_on_the_same_split(tmp_path):
    _, _, first = _train(tmp_path / "first")
    _, _, second = _train(tmp_path / "second", replace(SHORT, seed=1))
    assert first.held_out_psnr != second.held_out_psnr
    assert first.pca_psnr == second.pca_psnr


def test_training_leaves_the_random_numbers_of_the_caller_alone(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    _train(tmp_path / "run", replace(SHORT, epochs=1))
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


def test_the_noise_of_gates_comes_from_the_seed_too(tmp_path):
    settings = replace(SHORT, looks=1, presence_cost=1e-3, epochs=2)
    _, first, _ = _train(tmp_path / "first", settings)
    torch.manual_seed(99)
    _, second, _ = _train(tmp_path / "second", settings)
    _assert_equal(_weights(first), _weights(second))


def test_the_configuration_reaches_the_model():
    settings = loop.new_model(replace(SHORT, head="heatmap", looks=1, presence_cost=1e-3), _images()).settings()
    assert (settings["head"], settings["looks"], settings["presence"], settings["n"]) == ("heatmap", 1, True, 2)
    assert not loop.new_model(SHORT, _images()).settings()["presence"]


def test_training_improves_on_the_mean_image(tmp_path):
    _, _, figures = _train(tmp_path / "run", replace(SHORT, epochs=40, n=1, learning_rate=0.01), _images(count=80))
    assert figures.held_out_psnr > figures.mean_image_psnr + 2


@pytest.mark.parametrize("latent", LATENTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_finished_run_holds_model_figures_settings_and_pictures(tmp_path, latent, channels):
    images = _images(channels=channels, size=(9, 14))
    run, model, figures = _train(tmp_path / "run", replace(SHORT, latent=latent, epochs=1), images)
    pictures = ["held_out.png", "learning_curve.png", "worst.png"]
    others = ["checkpoints", "config.json", "logs", "metrics.csv", "metrics.json", "model"]
    assert sorted(path.name for path in run.folder.iterdir()) == sorted(pictures + others)
    for name in pictures:
        with Image.open(run.folder / name) as picture:
            assert np.asarray(picture).std() > 10
    loaded = GaussianAutoencoder.load(run.model)
    _assert_equal(_weights(loaded), _weights(model))
    written = json.loads(run.metrics.read_text())
    assert written["held_out_psnr"] == figures.held_out_psnr
    held_out = images.pixels[data.split(40).held_out]
    drawn = loaded(torch.from_numpy(held_out)).detach().numpy()
    np.testing.assert_allclose(written["held_out_psnr"], metrics.psnr(held_out, drawn), rtol=1e-6)
    assert written["numbers_per_image"] == written["pca_numbers"] == loaded.numbers_per_image


def test_the_configuration_is_recorded_with_versions_and_opens_again(tmp_path):
    run = runs.start(tmp_path / "run", replace(SHORT, seed=7, stddev=1.5), _images())
    record = json.loads((run.folder / "config.json").read_text())
    assert record["configuration"]["seed"] == 7
    assert record["environment"]["versions"]["torch"] == torch.__version__
    assert set(record["environment"]["versions"]) == set(runs.RECORDED_PACKAGES)
    assert runs.open_run(run.folder) == run


def test_the_log_has_one_row_per_epoch(tmp_path):
    run, _, figures = _train(tmp_path / "run")
    with (run.folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert all(float(row["loss"]) > 0 for row in rows)
    np.testing.assert_allclose(float(rows[-1]["held_out_psnr"]), figures.held_out_psnr, rtol=1e-5)


def _wait_for_epochs(run, ended, epochs):
    """Wait until the log tells of so many epochs and a checkpoint is there; `ended` gives the exit code, if any."""
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and ended(0) is None:
        if run.checkpoint.is_file() and len(report.logged_history(run)) >= epochs:
            return
        time.sleep(0.02)
    raise AssertionError(f"no checkpoint of {epochs} epochs; exit code {ended(0)}")


def _first_logged_epoch(run, version):
    with (run.logs / f"version_{version}" / "metrics.csv").open(newline="") as file:
        return int(next(csv.DictReader(file))["epoch"])


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_an_interrupted_and_then_killed_run_goes_on_as_if_never_stopped(tmp_path, forked):
    np.save(tmp_path / "images.npy", spots())
    epochs = 40  # more than a process comes through before the signal reaches it
    options = ("-n", 2, "--looks", 1, "--epochs", epochs, "--batch-size", 16)
    folder, log = tmp_path / "stopped", tmp_path / "printed.txt"
    run = runs.Run(folder, SHORT)

    process = forked(trainings.start, log, ("train", tmp_path / "images.npy", *options, "-o", folder))
    _wait_for_epochs(run, partial(forked, trainings.exit_code, process), 2)
    os.kill(process, signal.SIGINT)
    assert forked(trainings.exit_code, process, 60) == 130
    printed = log.read_text()
    assert f"Go on with: gaussgrad train -o {folder} --resume" in printed
    assert "Traceback" not in printed

    process = forked(trainings.start, log, ("train", "-o", folder, "--resume"))
    _wait_for_epochs(run, partial(forked, trainings.exit_code, process), len(report.logged_history(run)) + 2)
    with pytest.raises(FileExistsError, match="is being written by another process"):
        session.resume(folder, {})
    os.kill(process, signal.SIGKILL)
    assert forked(trainings.exit_code, process, 60) == -signal.SIGKILL
    assert not run.is_complete

    session.resume(folder, {})
    stopped = GaussianAutoencoder.load(run.model)
    whole, model, _ = _train(tmp_path / "whole", replace(SHORT, epochs=epochs))
    _assert_equal(_weights(stopped), _weights(model))
    assert (folder / "metrics.csv").read_bytes() == (whole.folder / "metrics.csv").read_bytes()
    assert [_first_logged_epoch(run, version) > 0 for version in range(3)] == [False, True, True]  # it did go on


def test_a_run_stopped_before_its_report_is_reported_on_resuming(tmp_path):
    run, model, _ = _train(tmp_path / "run")
    run.metrics.unlink()
    images = _images()
    split = data.split(40)
    again = loop.fit(run, images, split, metrics.Baselines(1.0, 1.0, 1), Console(file=text.StringIO()))
    _assert_equal(_weights(model), _weights(again))


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_the_last_checkpoint_stays_whole_when_writing_the_next_is_cut_short(tmp_path, monkeypatch, error):
    def write_half(path, content):
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise error

    path = tmp_path / "checkpoints" / "last.ckpt"
    writer = checkpoints.WholeCheckpoints()
    writer.save_checkpoint({"epoch": 1}, path)
    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(type(error)):
        writer.save_checkpoint({"epoch": 2}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert list(path.parent.iterdir()) == [path]


def test_a_damaged_checkpoint_is_refused(tmp_path):
    run, _, _ = _train(tmp_path / "run", replace(SHORT, epochs=1))
    os.truncate(run.checkpoint, 500)
    with pytest.raises(ValueError, match=r"last\.ckpt is damaged\. Start anew with --overwrite\."):
        loop.fit(run, _images(), data.split(40), metrics.Baselines(1.0, 1.0, 1), Console(file=text.StringIO()))


def test_minutes_become_epochs_that_are_recorded(monkeypatch):
    images, split = _images(), data.split(40)
    monkeypatch.setattr(loop, "_step_seconds", lambda *_: 0.03)  # two steps per epoch
    configuration = loop.planned(Configuration(n=2, minutes=10.0, batch_size=16), images, split)
    assert configuration.epochs == int(loop.TIME_SHARE * 600 / 0.06)
    assert configuration.minutes == 10.0
    assert loop.planned(Configuration(n=2, minutes=1e-4, batch_size=16), images, split).epochs == 1


def test_a_step_of_more_gaussians_is_timed_longer():
    images, split = _images(), data.split(40)
    times = [loop._step_seconds(Configuration(n=n, looks=1, batch_size=16), images, split) for n in (1, 500)]
    assert 0 < times[0] < times[1]


def test_minutes_stop_a_training_that_is_planned_too_long(tmp_path):
    start = time.monotonic()
    _, _, figures = _train(tmp_path / "run", replace(SHORT, epochs=100_000, minutes=0.05))
    assert time.monotonic() - start < 60
    assert 1 <= figures.epochs < 100_000


def test_the_default_length_is_a_number_of_steps():
    images, split = _images(), data.split(40)
    configuration = loop.planned(Configuration(batch_size=16), images, split)
    assert configuration.epochs == DEFAULT_STEPS // 2


def test_batches_are_shuffled_anew_each_epoch_and_repeat_with_the_seed():
    sampler = modules.ShuffledBatches(10, 3, seed=1)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert [len(batch) for batch in first] == [3, 3, 3]
    assert len({i for batch in first for i in batch}) == 9
    assert first != second
    sampler.set_epoch(0)
    assert list(sampler) == first
    assert len(modules.ShuffledBatches(2, 64, seed=0)) == 1


def test_augmentation_moves_images_a_little_and_repeats_with_its_generator():
    images = torch.from_numpy(spots(count=8, size=(20, 30)))
    before = images.clone()
    moved = augment.random_affine(images, torch.Generator().manual_seed(0))
    again = augment.random_affine(images, torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved, again, rtol=0, atol=0)
    torch.testing.assert_close(images, before, rtol=0, atol=0)
    assert (moved - images).abs().amax(dim=(1, 2, 3)).min() > 0.02
    assert ((moved >= 0) & (moved <= 1)).all()


def test_augmentation_cuts_off_nothing_that_images_hold():
    images = 3 * torch.from_numpy(spots(count=4, size=(20, 30))) - 1  # from -1 to beyond 1, as noise and rare spots are
    moved = augment.random_affine(images, torch.Generator().manual_seed(0))
    assert moved.min() < -0.9
    assert (moved.amax(dim=(1, 2, 3)) > 0.9 * images.amax(dim=(1, 2, 3))).all()
    assert (moved.amax(dim=(1, 2, 3)) <= images.amax(dim=(1, 2, 3)).clamp(min=1)).all()


@pytest.mark.parametrize(
    ("held_out", "words"),
    [
        (20.1, None),
        (19.9, r"^Warning: PCA with 12 numbers draws held-out images better \(20\.00 dB\) .* \(19\.90 dB\)\. Train"),
        (9.9, r"^Warning: the mean of the training images draws .* \(10\.00 dB\) .* set --black and --white\. Train"),
    ],
)
def test_a_model_that_is_worse_than_none_is_told_with_what_to_try(held_out, words):
    figures = report.Figures(held_out, 25.0, 20.0, 12, 10.0, 12, 32, 8, 3)
    warning = report.warning(figures)
    assert (warning is None) if words is None else (re.search(words, warning) and "\n" not in warning)


def test_augmentation_turns_without_stretching_where_the_frame_is_not_square(monkeypatch):
    monkeypatch.setattr(augment, "LARGEST_STRETCH", 0.0)
    monkeypatch.setattr(augment, "LARGEST_SHEAR", 0.0)
    y, x = np.mgrid[:40, :80]
    disc = np.exp(-((x - 55.5) ** 2 + (y - 19.5) ** 2) / 18)
    images = torch.from_numpy(np.repeat(disc[None, None], 6, axis=0)).float()
    for moved in augment.random_affine(images, torch.Generator().manual_seed(0))[:, 0].double().numpy():
        total = moved.sum()
        mean = (moved * x).sum() / total, (moved * y).sum() / total
        xx, yy = (moved * (x - mean[0]) ** 2).sum() / total, (moved * (y - mean[1]) ** 2).sum() / total
        np.testing.assert_allclose((xx, yy), (9.2, 9.2), rtol=0.04)


def test_a_run_folder_is_protected(tmp_path):
    folder = tmp_path / "run"
    runs.refuse_folder(folder, overwrite=False)
    folder.mkdir()
    runs.refuse_folder(folder, overwrite=False)  # empty
    (folder / "letters.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match="is no run of gaussgrad"):
            runs.refuse_folder(folder, overwrite=overwrite)
    for foreign in ("no JSON", '["a list"]', '{"model_type": "bert"}', '{"format": "other"}'):
        (folder / "config.json").write_text(foreign)
        with pytest.raises(FileExistsError, match="is no run of gaussgrad"):
            runs.refuse_folder(folder, overwrite=True)
        with pytest.raises(FileExistsError, match="not gaussgrad's"):
            runs.start(folder, SHORT, _images())
    assert (folder / "letters.txt").read_text() == "mine"
    with pytest.raises(FileNotFoundError, match="does not exist"):
        runs.refuse_folder(tmp_path / "no" / "run", overwrite=False)


def test_unfinished_and_finished_runs_are_told_apart(tmp_path):
    run = runs.start(tmp_path / "run", SHORT, _images())
    with pytest.raises(FileExistsError, match=r"unfinished run\. Add --resume to go on, or --overwrite"):
        runs.refuse_folder(run.folder, overwrite=False)
    run.metrics.write_text("{}")
    with pytest.raises(
        FileExistsError,
        match=r"finished run\. Choose another folder, or add --overwrite; --resume --epochs N trains it on\.",
    ):
        runs.refuse_folder(run.folder, overwrite=False)
    runs.refuse_folder(run.folder, overwrite=True)
    runs.start(run.folder, SHORT, _images())
    assert not run.is_complete


def _edit(run, **changes):
    path = Path(run.folder) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _edit_setting(run, **changes):
    record = json.loads((Path(run.folder) / "config.json").read_text())
    _edit(run, configuration={**record["configuration"], **changes})


def test_a_whole_number_is_a_setting_of_type_float(tmp_path):
    run = runs.start(tmp_path / "run", replace(SHORT, learning_rate=1, stddev=2), _images())
    assert runs.open_run(run.folder).configuration.stddev == 2.0


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: (run.folder / "config.json").unlink(), "is no run of gaussgrad: it holds no config.json"),
        (lambda run: os.truncate(run.folder / "config.json", 30), "cannot be read as JSON"),
        (lambda run: _edit(run, format="other"), "was not written by gaussgrad"),
        (lambda run: _edit(run, version=99), "must be of version 4; got 99"),
        (
            lambda run: _edit(run, scale={"black": 5, "white": 5}),
            r"config\.json is damaged: black must be below white 5",
        ),
        (lambda run: _edit(run, scale=7), r"config\.json is damaged: scale must be"),
        (lambda run: _edit(run, configuration={"colour": 1}), "holds no configuration"),
        (lambda run: _edit(run, configuration={"n": 2}), "holds no configuration"),
        (lambda run: _edit_setting(run, colour=1), "holds no configuration"),
        (lambda run: _edit_setting(run, n="ten"), r"config\.json is damaged: n must be of type int; got 'ten'"),
        (lambda run: _edit_setting(run, n=2.5), "n must be of type int; got 2.5"),
        (lambda run: _edit_setting(run, n=True), "n must be of type int; got True"),
        (lambda run: _edit_setting(run, n=None), "n must be of type int; got None"),
        (lambda run: _edit_setting(run, batch_size=0), "batch_size must be from 2 to 100000; got 0"),
        (lambda run: _edit_setting(run, epochs=-1), "epochs must be from 1 to 1000000000; got -1"),
        (lambda run: _edit_setting(run, device="tpu"), "device must be cpu or cuda; got 'tpu'"),
        (lambda run: _edit_setting(run, data=5), r"data must be of type str \| None; got 5"),
        (lambda run: _edit_setting(run, augment=1), "augment must be of type bool; got 1"),
    ],
)
def test_a_damaged_run_is_refused(tmp_path, spoil, words):
    run = runs.start(tmp_path / "run", SHORT, _images())
    spoil(run)
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        runs.open_run(run.folder)


def test_other_images_than_the_run_was_started_with_are_refused(tmp_path):
    run = runs.start(tmp_path / "run", SHORT, _images())
    runs.refuse_other_images(run, _images())
    with pytest.raises(ValueError, match="the images are not those"):
        runs.refuse_other_images(run, _images(seed=1))


@pytest.mark.parametrize(("channels", "pace"), [(1, PACE), (3, GUIDED_PACE)])
def test_the_pace_that_is_left_open_is_that_of_the_looks(channels, pace):
    pixels = spots().repeat(channels, axis=1)
    images = data.Images(pixels, tuple(map(str, range(len(pixels)))), "spots")
    configuration = loop.planned(Configuration(n=2, epochs=1), images, data.split(40))
    assert configuration.pace == tuple(pace.values())
    assert loop.planned(replace(configuration, batch_size=7, devices=3), images, data.split(40)).pace[0] == 7
    three = loop.planned(Configuration(n=2, epochs=1, devices=3), images, data.split(40))
    assert three.batch_size == 3 * -(-pace["batch_size"] // 3)  # each process takes as many


def _coloured():
    pixels = spots(count=10).repeat(3, axis=1) + np.array([0.1, 0.2, 0.3], np.float32)[:, None, None]
    return data.Images(pixels, tuple(map(str, range(len(pixels)))), "spots")


def test_a_guided_model_starts_on_the_usual_pixel():
    images = _coloured()
    model = loop.new_model(Configuration(n=2), images)
    np.testing.assert_allclose(model.background.detach(), np.median(images.pixels, axis=(0, 2, 3)))
    assert not loop.new_model(Configuration(n=2, guided=False), images).background.any()


def test_only_the_gradients_of_guided_models_are_clipped(tmp_path):
    images = _coloured()
    run = runs.start(tmp_path / "run", SHORT, images)
    given = (run, metrics.Baselines(1.0, 1.0, 1), Console(file=text.StringIO()), torch.from_numpy(images.pixels))
    clipped = [loop._trainer(*given, guided=guided).gradient_clip_val for guided in (True, False)]
    assert clipped == [loop.LONGEST_GRADIENT, None]


def test_errors_of_a_guided_model_count_by_their_logarithms():
    images = torch.from_numpy(_coloured().pixels)
    model = loop.new_model(Configuration(n=2, looks=2), _coloured())
    errors = torch.stack([torch.nn.functional.mse_loss(each.drawn, images) for each in model.trail(images)])
    total, last = objective(model, images)
    torch.testing.assert_close(total, errors.log().sum())
    torch.testing.assert_close(last, errors[-1])
