"""What may become of a stored fit: single changed bits, files cut off, edits; and what `load` does.

An edit keeps the checksum of the file, as somebody does who changes a value by another program.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr

import mmn_bayes as mb

Edit = Callable[[xr.DataTree], None]
REFUSED, SAME, CHANGED, RAW = "refused", "equal content", "silently changed", "raw errors"


def flipped(content: bytes, n: int, seed: int) -> Iterator[bytes]:
    """The content with one bit changed, n times."""
    for bit in random.Random(seed).sample(range(8 * len(content)), n):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        yield bytes(damaged)


def truncated(content: bytes, n: int, seed: int) -> Iterator[bytes]:
    """The first part of the content, n times; empty and one byte short among them."""
    lengths = random.Random(seed).sample(range(1, len(content) - 1), max(n - 2, 0))
    yield from (content[:length] for length in (0, len(content) - 1, *lengths)[:n])


def edited(file: Path) -> Iterator[bytes]:
    """The content after each edit."""
    for edit in EDITS.values():
        with xr.open_datatree(file, engine="h5netcdf", decode_times=False) as opened:
            tree = opened.load()
        edit(tree)
        yield bytes(tree.to_netcdf(engine="h5netcdf"))


def loaded(content: bytes, file: Path, original: xr.DataTree) -> str:
    """What `load` makes of a file with that content."""
    file.write_bytes(content)
    try:
        fit = mb.load(file)
    except mb.DataError as error:
        return RAW if "\n" in str(error) else REFUSED
    except Exception:  # which is what is counted
        return RAW
    return SAME if fit.identical(original) else CHANGED


def tried(file: Path, n_bits: int, n_cuts: int, seed: int) -> dict[str, Counter[str]]:
    """Damage a stored fit in every way, in a file beside it, and count what `load` does."""
    original, content, beside = mb.load(file), file.read_bytes(), file.with_name("damaged.nc")
    ways = {"single bits": flipped(content, n_bits, seed)}
    ways |= {"truncations": truncated(content, n_cuts, seed), "edits": edited(file)}
    return {
        way: Counter(loaded(damaged, beside, original) for damaged in damages)
        for way, damages in ways.items()
    }


def _of(group: str, change: Callable[[xr.Dataset], xr.Dataset]) -> Edit:
    def edit(tree: xr.DataTree) -> None:
        tree[group] = xr.DataTree(change(tree[group].to_dataset()))

    return edit


def _attribute(name: str, change: Callable[[object], object]) -> Edit:
    def edit(tree: xr.DataTree) -> None:
        tree.attrs[name] = change(tree.attrs[name])

    return edit


def _first(posterior: xr.Dataset) -> str:
    return str(next(name for name, v in posterior.data_vars.items() if v.dtype.kind == "f"))


def _value(change: Callable[[np.ndarray], np.ndarray]) -> Edit:
    """Another value for the first draw of the first parameter."""

    def changed(posterior: xr.Dataset) -> xr.Dataset:
        name = _first(posterior)
        values = posterior[name].to_numpy().copy()
        values.flat[0] = change(values.flat[0])
        return posterior.assign({name: (posterior[name].dims, values, posterior[name].attrs)})

    return _of("posterior", changed)


def _in_another_order(posterior: xr.Dataset) -> xr.Dataset:
    first = _first(posterior)
    drawn = posterior[first]
    return posterior.drop_vars(first).assign({first: drawn[::-1].variable})


EDITS: dict[str, Edit] = {
    "the last digit of a value": _value(lambda value: np.nextafter(value, np.inf)),
    "a draw that is no number": _value(lambda _: np.nan),
    "an infinite draw": _value(lambda _: np.inf),
    "draws removed": _of("posterior", lambda p: p.isel(draw=slice(None, -1))),
    "a chain removed": _of("posterior", lambda p: p.isel(chain=slice(None, -1))),
    "chains in another order": _of("posterior", _in_another_order),
    "a parameter removed": _of("posterior", lambda p: p.drop_vars(_first(p))),
    "a parameter added": _of("posterior", lambda p: p.assign(new=p[_first(p)])),
    "a parameter renamed": _of("posterior", lambda p: p.rename({_first(p): "new"})),
    "responses inverted": _of("design", lambda d: d.assign(response=1 - d["response"])),
    "columns swapped": _of("design", lambda d: d.assign(naive=d["x_naive"], x_naive=d["naive"])),
    "patients in another order": _of(
        "design", lambda d: d.assign_coords(patient=d["patient"].to_numpy()[::-1])
    ),
    "an attribute of the data": _of("design", lambda d: d.assign_attrs(title="Another")),
    "a group added": lambda tree: tree.update({"new": xr.DataTree(xr.Dataset({"a": 1}))}),
    "a group removed": lambda tree: tree.__delitem__("design"),
    "fingerprint of zeros": _attribute("fingerprint", lambda _: "0" * 64),
    "text of the model file": _attribute("spec_toml", lambda text: f"{text}\n# another"),
    "seed": _attribute("seed", lambda _: 7),
    "draws stated": _attribute("draws", lambda n: int(n) - 1),
    "checksum of zeros": _attribute(mb.engine.CHECKSUM, lambda _: "0" * 64),
    "checksum removed": lambda tree: tree.attrs.__delitem__(mb.engine.CHECKSUM),
}
