"""Training: the best epoch is kept, the same arguments give the same bytes, all shapes work."""

import hashlib
import logging
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch.loggers import Logger
from sklearn.metrics import f1_score, log_loss, matthews_corrcoef
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from arginator.batches import ShuffledBatches, TrainingFolds, balancing_weights
from arginator.embeddings import Embeddings
from arginator.errors import DataError, ModelError
from arginator.ffnn import FeedForward
from arginator.learning import class_logits
from arginator.mapped_folds import MappedFold
from arginator.params import BinaryTask, ModelParams, MulticlassTask, TrainParams
from arginator.prepared import Prepared, Provenance
from arginator.shares import Share, steps_of
from arginator.tasks import Task, class_probability, define_task
from arginator.training import Trained, fine_tune, train, write_history

LABELS = ("A", "B", "C", "D", "non")
ABOUT = Provenance("toy", "toy", True, "", "", "", "kmer", {label: label for label in LABELS})
MODEL = ModelParams(width=8, depth=2, dropout=0.2, activation="relu", normalisation="batch")
PARAMS = TrainParams(
    epochs=4,
    patience=10,
    monitor="val_loss",
    batch_size=32,
    optimiser="adamw",
    learning_rate=0.01,
    weight_decay=0.01,
    schedule="cosine",
    imbalance="class_weights",
    device="cpu",
    devices=1,
    precision=32,
    memory="held",
)

DIVERGING = {
    "optimiser": "sgd",
    "epochs": 50,
    "normalisation": "none",
    "depth": 8,
    "width": 64,
    "activation": "gelu",
    "schedule": "constant",
    "imbalance": "none",
}


@pytest.fixture(autouse=True)
def _one_thread():
    """Let tiny steps not wait for a second thread on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def fold(seed: int, n: int = 97, d: int = 6, dtype: type = np.float32) -> Prepared:
    """Return proteins whose class shows in their vectors, with noise; 'non' is the commonest."""
    random = np.random.default_rng(seed)
    centre = np.random.default_rng(99).normal(size=(5, d))
    index = np.r_[np.arange(5), random.choice(5, n - 5, p=[0.15, 0.05, 0.15, 0.15, 0.5])]
    matrix = (centre[index] + random.normal(size=(n, d))).astype(dtype)
    ids, none = tuple(f"P{row:04}" for row in range(n)), (None,) * n
    labels = tuple(LABELS[i] for i in index)
    return Prepared(Embeddings(ids, matrix), labels, none, none, none, none, ABOUT)


def task_of(kind: str) -> Task:
    binary = BinaryTask(
        kind="binary", positive=("A", "B", "C", "D"), positive_name="yes", negative_name="no"
    )
    return define_task(kind, binary if kind == "binary" else MulticlassTask(kind=kind), ABOUT)


def trained(kind: str = "multiclass", seed: int = 5, **changes):
    """Train on the toy folds with some of the parameters changed."""
    model = {name: value for name, value in changes.items() if name in ModelParams.model_fields}
    params = {name: value for name, value in changes.items() if name in TrainParams.model_fields}
    return train(
        fold(0),
        fold(1),
        task_of(kind),
        MODEL.model_copy(update=model),
        PARAMS.model_copy(update=params),
        seed,
    )


def digest(network: FeedForward) -> str:
    state = network.state_dict()
    assert all(value.device.type == "cpu" for value in state.values())
    return hashlib.md5(b"".join(value.numpy().tobytes() for value in state.values())).hexdigest()


def recomputed(network: FeedForward, kind: str) -> dict[str, float]:
    """Compute what training monitors from the network alone, with scikit-learn."""
    validation = fold(1)
    with torch.no_grad():
        logit = network(torch.from_numpy(validation.embeddings.matrix)).numpy()
    probability, actual = class_probability(logit), task_of(kind).encode(validation.labels)
    predicted = probability.argmax(axis=1)
    return {
        "val_loss": log_loss(actual, probability),
        "val_mcc": matthews_corrcoef(actual, predicted),
        "val_macro_f1": f1_score(actual, predicted, average="macro"),
    }


@pytest.mark.parametrize("monitor", ["val_loss", "val_mcc", "val_macro_f1"])
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_network_is_that_of_the_best_epoch(kind, monitor):
    result = trained(
        kind,
        monitor=monitor,
        epochs=60,
        patience=2,
        learning_rate=0.3,
        optimiser="sgd",
        schedule="constant",
    )
    values = [row[monitor] for row in result.history]
    best = min(values) if monitor == "val_loss" else max(values)
    assert result.best_epoch == values.index(best) + 1
    assert result.best_epoch < len(values), "the last epoch must not be the best one here"
    assert not result.network.training
    row = result.history[result.best_epoch - 1]
    expected = recomputed(result.network, kind)
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
@pytest.mark.parametrize("imbalance", ["none", "class_weights", "balanced_sampling"])
def test_two_runs_give_equal_bytes_and_another_seed_does_not(kind, imbalance):
    one = trained(kind, imbalance=imbalance)
    with torch.random.fork_rng():
        torch.manual_seed(1234)
        two = trained(kind, imbalance=imbalance)
    assert digest(one.network) == digest(two.network)
    assert one.history == two.history
    assert digest(trained(kind, seed=6, imbalance=imbalance).network) != digest(one.network)


@pytest.mark.parametrize("normalisation", ["batch", "layer", "none"])
def test_two_runs_in_bf16_give_equal_bytes_and_float32_weights(normalisation):
    one, two = (trained(precision="bf16-mixed", normalisation=normalisation) for _ in range(2))
    assert digest(one.network) == digest(two.network)
    assert one.history == two.history
    assert digest(one.network) != digest(trained(normalisation=normalisation).network)
    assert {weight.dtype for weight in one.network.parameters()} == {torch.float32}


def test_the_epoch_is_judged_in_full_precision_whatever_the_network_learns_in():
    result = trained(precision="bf16-mixed")
    row, expected = result.history[result.best_epoch - 1], recomputed(result.network, "multiclass")
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("normalisation", ["batch", "layer", "none"])
@pytest.mark.parametrize("batch_size", [1, 2, 48, 96, 1_000_000])  # 97 = 2 × 48 + 1 = 96 + 1
def test_every_batch_size_works(normalisation, batch_size):
    result = trained("multiclass", normalisation=normalisation, batch_size=batch_size, epochs=1)
    assert len(result.history) == 1


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
@pytest.mark.parametrize(
    "changes",
    [{"depth": 0}, {"activation": "gelu"}, {"optimiser": "adam"}, {"device": "auto"}, {"width": 4}],
    ids=str,
)
def test_every_shape_learns(kind, changes):
    result = trained(kind, epochs=6, learning_rate=0.03, **changes)
    losses = [row["val_loss"] for row in result.history]
    assert losses[result.best_epoch - 1] < losses[0]


def test_float16_vectors_are_learned_from_as_they_are():
    folds = TrainingFolds(fold(0, dtype=np.float16), fold(1), task_of("binary"), PARAMS, 0)
    assert folds.train.tensors[0].dtype == torch.float16
    half = train(
        fold(0, dtype=np.float16), fold(1, dtype=np.float16), task_of("binary"), MODEL, PARAMS, 0
    )
    single = train(fold(0), fold(1), task_of("binary"), MODEL, PARAMS, 0)
    assert half.history[-1]["val_loss"] == pytest.approx(single.history[-1]["val_loss"], abs=0.01)


def test_a_read_only_matrix_is_accepted():
    data = fold(0)
    data.embeddings.matrix.flags.writeable = False
    result = train(data, fold(1), task_of("binary"), MODEL, PARAMS, 5)
    assert digest(result.network) == digest(trained("binary").network)


def test_training_stops_after_patience_epochs_without_a_better_one():
    result = trained(monitor="val_mcc", epochs=200, patience=3, schedule="constant")
    assert len(result.history) == result.best_epoch + 3


def test_cosine_falls_from_the_learning_rate_towards_zero():
    rates = [row["learning_rate"] for row in trained(schedule="cosine", patience=4).history]
    expected = [0.01 * (1 + np.cos(np.pi * epoch / 4)) / 2 for epoch in range(4)]
    assert rates == pytest.approx(expected)


def test_constant_keeps_the_learning_rate():
    rates = [row["learning_rate"] for row in trained(schedule="constant", patience=4).history]
    assert rates == [0.01] * 4


def test_the_vectors_are_standardised_by_the_training_fold():
    standardise, matrix = trained().network.standardise, fold(0).embeddings.matrix
    np.testing.assert_allclose(standardise.mean, matrix.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(standardise.deviation, matrix.std(axis=0), rtol=1e-4)


def test_a_loss_that_is_not_finite_says_what_to_do():
    with pytest.raises(ModelError) as caught:
        trained(learning_rate=10.0, **DIVERGING)
    assert str(caught.value).startswith("network: train_loss is ")
    assert str(caught.value).endswith(
        " at learning rate 10, expected a finite number; lower the learning rate"
    )


@pytest.mark.parametrize("where", ["training fold", "validation fold"])
def test_a_class_missing_from_a_fold_is_an_error(where):
    short = fold(0).select(~np.isin(fold(0).labels, ["B", "non"]))
    folds = (short, fold(1)) if where == "training fold" else (fold(0), short)
    with pytest.raises(DataError) as caught:
        train(*folds, task_of("multiclass"), MODEL, PARAMS, 0)
    assert str(caught.value) == (
        f"{where}: 2 of 5 classes of task 'multiclass' have no protein (first: 'B'); "
        "split the data so that every fold has every class"
    )


def test_of_equally_good_epochs_the_first_is_best():
    result = trained(monitor="val_mcc", normalisation="none", learning_rate=1e-8)
    assert len({row["val_mcc"] for row in result.history}) == 1
    assert result.best_epoch == 1


def test_global_state_is_as_it_was_and_the_working_folder_stays_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def state():
        return (
            torch.get_rng_state().tolist(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_grad_enabled(),
            logging.getLogger("lightning.pytorch").level,
            warnings.filters[:],
        )

    torch.use_deterministic_algorithms(False)
    before = state()
    trained()
    assert state() == before
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_printed_unless_on_a_terminal(capfd):
    trained()
    assert capfd.readouterr() == ("", "")


def test_a_keyboard_interrupt_stays_one():
    class Interrupting(RecordingLogger):
        def log_metrics(self, metrics, step=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(fold(0), fold(1), task_of("binary"), MODEL, PARAMS, 0, Interrupting())


class RecordingLogger(Logger):
    """A logger that keeps what it is given."""

    def __init__(self):
        super().__init__()
        self.rows = []

    name = version = "toy"

    def log_metrics(self, metrics, step=None):
        self.rows.append(metrics)

    def log_hyperparams(self, params, *args, **kwargs):
        pass


def test_the_logger_gets_each_epoch_once():
    logger = RecordingLogger()
    result = train(fold(0), fold(1), task_of("binary"), MODEL, PARAMS, 0, logger)
    rows = [dict(row) for row in logger.rows]
    assert [row.pop("epoch") for row in rows] == [0, 1, 2, 3]
    for logged, row in zip(rows, result.history, strict=True):
        assert logged == pytest.approx({k: v for k, v in row.items() if k != "epoch"}, rel=1e-6)


def test_a_run_with_a_logger_gives_the_same_weights():
    with_logger = train(fold(0), fold(1), task_of("binary"), MODEL, PARAMS, 5, RecordingLogger())
    assert digest(with_logger.network) == digest(trained("binary").network)


def test_history_is_written_with_fixed_decimals(tmp_path):
    row = {"epoch": 1, "learning_rate": 1e-8, "train_loss": 1 / 3, "val_loss": 2.0}
    write_history([row | {"val_mcc": -0.5, "val_macro_f1": 1.0}], tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_bytes() == (
        b"epoch,learning_rate,train_loss,val_loss,val_mcc,val_macro_f1\n"
        b"1,1e-08,0.333333,2.000000,-0.500000,1.000000\n"
    )


def test_fine_tuning_improves_a_copy_and_leaves_the_network_alone():
    start = trained(epochs=1, learning_rate=1e-4)
    before = digest(start.network)
    runs = [
        fine_tune(start.network, fold(0), fold(1), task_of("multiclass"), PARAMS, 3, 0.01, 7)
        for _ in range(2)
    ]
    assert digest(start.network) == before
    assert digest(runs[0].network) == digest(runs[1].network) != before
    assert [row["epoch"] for row in runs[0].history] == [1, 2, 3]
    assert runs[0].history[0]["learning_rate"] == 0.01
    assert runs[0].history[-1]["val_loss"] < start.history[-1]["val_loss"]
    assert asdict(runs[0].network.shape) == asdict(start.network.shape)


def test_fine_tuning_for_no_epoch_returns_an_equal_network():
    start = trained(epochs=1)
    result = fine_tune(start.network, fold(0), fold(1), task_of("multiclass"), PARAMS, 0, 0.01, 7)
    assert digest(result.network) == digest(start.network)
    assert (result.history, result.best_epoch) == ([], 0)
    assert result.network is not start.network


@given(st.integers(1, 500), st.integers(1, 600), st.integers(1, 9))
def test_no_batch_is_too_large_and_no_process_gets_one_protein(n, batch_size, processes):
    steps = steps_of(n, batch_size, processes)
    sizes = [len(rows) for rows in torch.arange(n).tensor_split(steps)]
    assert sum(sizes) == n
    assert max(sizes) <= max(batch_size, 4 * processes - 1)
    assert min(sizes) >= min(n, 2 * processes)


@given(st.integers(1, 200), st.integers(1, 250), st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_an_epoch_has_every_protein_once(n, batch_size, seed, processes):
    drawn = []
    for rank in range(processes):
        generator = torch.Generator().manual_seed(seed)
        batches = ShuffledBatches(n, batch_size, generator, share=Share(rank, processes))
        drawn.append(list(batches))
        assert len(drawn[-1]) == len(batches)
    assert sorted(torch.cat([rows for own in drawn for rows in own]).tolist()) == list(range(n))


def test_balanced_sampling_draws_every_class_equally_often():
    folds = TrainingFolds(
        fold(0, n=400),
        fold(1),
        task_of("multiclass"),
        PARAMS.model_copy(update={"imbalance": "balanced_sampling"}),
        0,
    )
    drawn = [class_index for _ in range(20) for _, class_index in folds.train_dataloader()]
    share = torch.bincount(torch.cat(drawn)) / (20 * 400)
    np.testing.assert_allclose(share, 0.2, atol=0.02)
    assert folds.class_weight.tolist() == [1.0] * 5


def test_class_weights_equal_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    actual = task_of("multiclass").encode(fold(0).labels)
    expected = compute_class_weight("balanced", classes=np.arange(5), y=actual)
    np.testing.assert_allclose(balancing_weights(torch.from_numpy(actual), 5), expected, rtol=1e-6)


def test_the_loss_of_one_output_is_binary_cross_entropy():
    logit, actual = torch.linspace(-9, 9, 19)[:, None], torch.arange(19) % 2
    np.testing.assert_allclose(
        cross_entropy(class_logits(logit), actual),
        binary_cross_entropy_with_logits(logit[:, 0], actual.float()),
        rtol=1e-6,
    )


def write_fold(data: Prepared, path: Path, block_rows: int = 10) -> MappedFold:
    """Write the vectors of a fold as an Arrow file."""
    starts = range(0, len(data.labels), block_rows)
    blocks = [data.embeddings.matrix[start : start + block_rows] for start in starts]
    schema = pa.schema([("embedding", pa.list_(pa.from_numpy_dtype(blocks[0].dtype), data.width))])
    with pa.ipc.new_file(str(path), schema) as file:
        for block in blocks:
            array = pa.FixedSizeListArray.from_arrays(pa.array(block.reshape(-1)), data.width)
            file.write_batch(pa.record_batch([array], schema=schema))
    return MappedFold(data.labels, ABOUT, data.width, tuple(map(len, blocks)), path)


@pytest.fixture
def mapped_folds(tmp_path):
    return [write_fold(fold(seed), tmp_path / f"{seed}.arrow") for seed in range(2)]


@pytest.mark.parametrize("imbalance", ["none", "class_weights", "balanced_sampling"])
def test_two_runs_on_mapped_folds_give_equal_bytes(imbalance, mapped_folds):
    params = PARAMS.model_copy(update={"imbalance": imbalance, "epochs": 6})
    one, two = (train(*mapped_folds, task_of("multiclass"), MODEL, params, 5) for _ in range(2))
    assert digest(one.network) == digest(two.network)
    assert one.history == two.history
    assert one.history[-1]["val_loss"] < one.history[0]["val_loss"]


def test_a_mapped_fold_in_one_batch_teaches_what_a_held_one_does(mapped_folds):
    changes = {"batch_size": 1000, "normalisation": "layer", "dropout": 0.0}
    params = PARAMS.model_copy(update={"batch_size": 1000})
    model = MODEL.model_copy(update=changes)
    mapped = train(*mapped_folds, task_of("multiclass"), model, params, 5)
    held = trained(**changes)
    assert_alike(mapped, held)
    with pytest.raises(AssertionError):
        assert_alike(mapped, trained(seed=6, **changes))


def assert_alike(one: Trained, other: Trained) -> None:
    """Check that weights and history differ by no more than sums in another order do."""
    assert one.best_epoch == other.best_epoch
    for row, expected in zip(one.history, other.history, strict=True):
        assert row == pytest.approx(expected, abs=1e-5)
    for name, weight in other.network.state_dict().items():
        np.testing.assert_allclose(one.network.state_dict()[name], weight, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_two_processes_learn_what_one_does():
    changes = {"optimiser": "sgd", "normalisation": "layer", "dropout": 0.0}  # Adam hides a factor
    one, two = trained(**changes), trained(devices=2, **changes)
    assert_alike(two, one)
    assert not two.network.training


@pytest.mark.slow
def test_two_processes_share_mapped_folds_and_log_from_the_parent(mapped_folds):
    model = MODEL.model_copy(update={"normalisation": "none", "dropout": 0.0})
    params = PARAMS.model_copy(update={"imbalance": "balanced_sampling"})
    one = train(*mapped_folds, task_of("binary"), model, params, 5)
    params, logger = params.model_copy(update={"devices": 2}), RecordingLogger()
    two = train(*mapped_folds, task_of("binary"), model, params, 5, logger)
    assert_alike(two, one)
    assert [row["val_loss"] for row in logger.rows] == [row["val_loss"] for row in two.history]
    assert [row["epoch"] for row in logger.rows] == [0, 1, 2, 3]


@pytest.mark.slow
def test_an_error_in_several_processes_is_that_of_one():
    with pytest.raises(ModelError) as caught:
        trained(devices=2, learning_rate=10.0, **DIVERGING)
    assert str(caught.value).startswith("network: train_loss is ")
    assert str(caught.value).endswith("expected a finite number; lower the learning rate")


def test_more_devices_than_pairs_of_proteins_are_refused():
    with pytest.raises(DataError) as caught:
        trained(devices=49)
    assert str(caught.value) == (
        "training fold: 97 proteins for 49 devices, expected two for each; lower train.devices"
    )
