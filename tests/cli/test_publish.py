"""Tests of the commands `export` and `pack`."""

from small_models import invoke

from keras_igpt import ImageGPT, load


def test_pack_writes_a_model_that_loads(tiny_model, tmp_path):
    tiny_model.save(tmp_path / "a.keras")
    shown = invoke(
        *("pack", "--model", tmp_path / "a.keras"),
        *("--out", tmp_path / "b.keras"),
    ).output
    assert "Wrote" in shown
    assert load(tmp_path / "b.keras").count_params()


def test_export_knows_the_names_of_a_runs_classes(
    class_run, tmp_path, monkeypatch
):
    seen = {}

    def export(self, out):
        seen.update(names=self.class_names, out=out)
        return out / "1"

    monkeypatch.setattr(ImageGPT, "export", export)
    shown = invoke("export", "--model", class_run, "--out", tmp_path).output
    assert seen == {"out": tmp_path, "names": ("ball", "goal")}
    assert "Wrote" in shown
