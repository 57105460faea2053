"""A tuned classifier in a file without pickle, the same bytes for the same fit.

The file is a zip of two members: `classifier.json`, the numbers and names of `TunedClassifier`,
and `estimator.skops`, the scikit-learn estimator as skops stores it. Neither can run code when it
is read: every type in the second is compared with `TRUSTED_TYPES` before skops sees the file.
skops names things by their addresses in memory, which differ from run to run; they are renumbered.
The identifiers of patients and their out-of-fold scores are not stored. The scaled features of
patients are, inside a KNN or SVM, as `holds_patients` in the file says.
"""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import sklearn

from extval.features.modelling.classifiers import TunedClassifier

FORMAT = "extval classifier 1"

# What the estimators of `classifiers` consist of: (type, how skops loads it).
TRUSTED_TYPES = frozenset(
    {
        ("builtins.dict", "DictNode"),
        ("builtins.list", "ListNode"),
        ("builtins.str", "JsonNode"),
        ("builtins.str", "TypeNode"),
        ("builtins.int", "TypeNode"),
        ("builtins.tuple", "TupleNode"),
        ("numpy.float64", "NdArrayNode"),
        ("numpy.int64", "NdArrayNode"),
        ("numpy.ndarray", "NdArrayNode"),
        ("sklearn.ensemble._forest.RandomForestClassifier", "ObjectNode"),
        ("sklearn.ensemble._weight_boosting.AdaBoostClassifier", "ObjectNode"),
        ("sklearn.linear_model._logistic.LogisticRegression", "ObjectNode"),
        ("sklearn.neighbors._classification.KNeighborsClassifier", "ObjectNode"),
        ("sklearn.svm._classes.SVC", "ObjectNode"),
        ("sklearn.tree._classes.DecisionTreeClassifier", "ObjectNode"),
        ("sklearn.tree._tree.Tree", "TreeNode"),
    }
)
# skops takes the class of this one from its own code and asks again for consent.
_NEEDS_CONSENT = ["sklearn.tree._tree.Tree"]

_EPOCH = (1980, 1, 1, 0, 0, 0)
_NUMBERS = ("recalibration_intercept_", "recalibration_slope_")
_COUNTS = ("n_features_in_", "n_fitted_", "n_synthetic_", "n_folds_")
_ARRAYS = ("mean_", "scale_")
_PARAMETERS = ("name", "smote", "n_folds", "repeats", "random_state")


def write_classifier(model: TunedClassifier, path: Path) -> str:
    """Write a fitted classifier and return the SHA-256 of the file.

    Raises
    ------
    ValueError
        If the classifier is not fitted, or consists of types other than `TRUSTED_TYPES`.
    """
    content = to_bytes(model)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def read_classifier(path: Path, *, sha256: str | None = None) -> TunedClassifier:
    """Read a classifier that `write_classifier` wrote.

    Parameters
    ----------
    path : Path
        File.
    sha256 : str, optional
        Digest that the file must have, as a locked model names it.

    Raises
    ------
    ValueError
        If the digest differs, the file is not such a file, holds an unknown type, or was written
        by another version of scikit-learn; the sentence names the file.
    """
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise ValueError(
            f"{path.name}: SHA-256 is {found[:12]}..., and the model names {sha256[:12]}...; the "
            "file was changed or belongs to another model."
        )
    try:
        return from_bytes(content)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def to_bytes(model: TunedClassifier) -> bytes:
    """Return the content of the file; the same fit gives the same bytes in every process.

    Raises
    ------
    ValueError
        As `write_classifier`.
    """
    if not hasattr(model, "estimator_"):
        raise ValueError("the classifier is not fitted; call `fit` before storing it.")
    from skops.io import dumps  # type: ignore[import-untyped]  # noqa: PLC0415 - slow

    members = _zip_members(dumps(model.estimator_))
    _refuse_unknown_types(json.loads(members["schema.json"]))
    described = json.dumps(_described(model), indent=1, sort_keys=True, allow_nan=False)
    return _zipped(
        {
            "classifier.json": described.encode(),
            "estimator.skops": _zipped(_renumbered(members)),
        }
    )


def from_bytes(content: bytes) -> TunedClassifier:
    """Return the classifier of `to_bytes`.

    Raises
    ------
    ValueError
        As `read_classifier`, without the name of a file.
    """
    outer = _zip_members(content)
    if set(outer) != {"classifier.json", "estimator.skops"}:
        raise ValueError(
            "this is not a stored classifier: it should hold `classifier.json` and "
            f"`estimator.skops`, and holds {', '.join(sorted(outer)) or 'nothing'}."
        )
    described = _parsed(outer["classifier.json"], "classifier.json")
    if described.get("format") != FORMAT:
        raise ValueError(f"its format is {described.get('format')!r}; {FORMAT!r} can be read.")
    if described.get("sklearn") != sklearn.__version__:
        raise ValueError(
            f"it was written with scikit-learn {described.get('sklearn')}, and "
            f"{sklearn.__version__} is installed, whose estimators may differ inside. Install "
            "the version that wrote it."
        )
    inner = _zip_members(outer["estimator.skops"])
    _refuse_unknown_types(_parsed(inner.get("schema.json", b""), "schema.json"))
    from skops.io import loads  # noqa: PLC0415 - slow

    try:
        estimator = loads(outer["estimator.skops"], trusted=_NEEDS_CONSENT)
        return _restored(described, estimator)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise ValueError(f"the stored classifier is damaged ({error!r}).") from error


def _described(model: TunedClassifier) -> dict[str, Any]:
    """Return everything but the estimator as JSON."""
    labels = [value.item() if hasattr(value, "item") else value for value in model.classes_]
    return {
        "format": FORMAT,
        "sklearn": sklearn.__version__,
        "parameters": {key: _plain(getattr(model, key)) for key in _PARAMETERS}
        | {"grid": _plain(model.grid)},
        "classes": labels,
        "feature_names": [str(name) for name in getattr(model, "feature_names_in_", [])],
        "best_params": _plain(model.best_params_),
        "tuning_table": _plain(model.tuning_table_),
        "holds_patients": model.holds_patients_,
        "notes": list(model.notes_),
        "numbers": {key: float(getattr(model, key)) for key in _NUMBERS},
        "counts": {key: int(getattr(model, key)) for key in _COUNTS},
        "arrays": {key: getattr(model, key).tolist() for key in _ARRAYS},
    }


def _plain(value: Any) -> Any:
    """Return settings with numpy's numbers and sequences as JSON's own."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def _restored(described: dict[str, Any], estimator: Any) -> TunedClassifier:
    model = TunedClassifier(**described["parameters"])
    model.estimator_ = estimator
    model.patients_seen_ = None
    model.classes_ = np.asarray(described["classes"])
    if described["feature_names"]:
        model.feature_names_in_ = np.asarray(described["feature_names"], dtype=object)
    model.best_params_ = described["best_params"]
    model.tuning_table_ = described["tuning_table"]
    model.holds_patients_ = described["holds_patients"]
    model.notes_ = tuple(described["notes"])
    for key in _NUMBERS:
        setattr(model, key, float(described["numbers"][key]))
    for key in _COUNTS:
        setattr(model, key, int(described["counts"][key]))
    for key in _ARRAYS:
        setattr(model, key, np.asarray(described["arrays"][key], dtype=np.float64))
    model.keep_linear_formula()
    return model


def _refuse_unknown_types(schema: Any) -> None:
    """Raise unless every node of a skops schema is one of `TRUSTED_TYPES`."""
    if not isinstance(schema, dict) or "__loader__" not in schema:
        raise ValueError("`estimator.skops` is damaged: its schema describes no object.")
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        if not isinstance(node, dict):
            continue
        pending.extend(node.values())
        if not {"__class__", "__module__", "__loader__"} & node.keys():
            continue
        kind = f"{node.get('__module__')}.{node.get('__class__')}"
        if (kind, node.get("__loader__")) not in TRUSTED_TYPES:
            raise ValueError(
                f"it contains the type {kind} (as {node.get('__loader__')}), which no classifier "
                "of this program contains. It is refused, because reading it could run code."
            )


def _renumbered(members: dict[str, bytes]) -> dict[str, bytes]:
    """Return the members of a skops file with addresses replaced by their order of appearance.

    Every node gets a number of its own (which objects share memory may differ from run to run),
    and arrays of the same content share a member.
    """
    schema = json.loads(members["schema.json"])
    names: dict[bytes, str] = {}
    count = 0

    def renumber(node: Any) -> None:
        nonlocal count
        if isinstance(node, list):
            for each in node:
                renumber(each)
        if not isinstance(node, dict):
            return
        if "__id__" in node:
            node["__id__"] = count
            count += 1
        if node.get("type") == "numpy":
            content = _without_padding(members[node["file"]])
            node["file"] = names.setdefault(content, f"{len(names)}.npy")
        for each in node.values():
            renumber(each)

    renumber(schema)
    arrays = {name: content for content, name in names.items()}
    return {"schema.json": json.dumps(schema, separators=(",", ":")).encode(), **arrays}


def _without_padding(content: bytes) -> bytes:
    """Return an .npy with zeros between the fields of its records.

    The nodes of a tree are records of 57 bytes, 64 apart; what lies between is whatever was in
    memory, which differs from run to run and is nobody's business.
    """
    given = np.load(io.BytesIO(content), allow_pickle=False)
    if given.dtype.names is None:
        return content
    clean = np.frombuffer(bytearray(given.nbytes), dtype=given.dtype).reshape(given.shape)
    for name in given.dtype.names:
        clean[name] = given[name]
    buffer = io.BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getvalue()


def _zipped(members: dict[str, bytes]) -> bytes:
    """Return a zip of the members in their order, uncompressed and without a clock."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def _zip_members(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise ValueError("this is not a stored classifier: it is not a readable zip.") from error


def _parsed(content: bytes, name: str) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise ValueError(f"`{name}` in it is not JSON.") from error
    if not isinstance(parsed, dict):
        raise ValueError(f"`{name}` in it is not a JSON object.")
    return parsed
