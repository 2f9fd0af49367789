"""What this package takes of other libraries beyond what they document, all of it named here.

Such a piece may move with any version: pyproject.toml admits those that have been tried. One that
has moved is an ImportError of one sentence, when the module that needs it is imported, and not an
error of the library somewhere on the way. A piece is imported from here by its name; nothing of a
library is imported before.
"""

from collections.abc import Mapping
from importlib.metadata import version
from pkgutil import resolve_name
from typing import Any

# By the name here: where a piece stands, and what of it, not documented either, is made use of.
_PIECES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    # A log-density that was compiled by `compiled_logp`, and its data, for the sampler: addresses.
    "CompiledPyMCModel": (
        "nutpie.compile_pymc:CompiledPyMCModel",
        (
            *("compiled_logp_func", "compiled_expand_func", "initial_point_func", "user_data"),
            *("shared_data", "shared_var_keys", "n_expanded", "shape_info", "logp_func"),
            *("expand_func", "dims", "reparameterized_names", "_n_dim", "_shapes", "_coords"),
        ),
    ),
    "address_as_void_pointer": ("nutpie.compile_pymc:address_as_void_pointer", ()),
    # Files of compiled code that are whole or not used, in a folder that can be written.
    "caching": (
        "numba.core.caching",
        (
            *("IndexDataCacheFile.save", "IndexDataCacheFile._load_index"),
            *("IndexDataCacheFile._load_data", "IndexDataCacheFile._data_path"),
            *("IndexDataCacheFile._open_for_write", "CacheImpl._locator_classes"),
            *("_SourceFileBackedLocatorMixin", "_CacheLocator.get_suitable_cache_subpath"),
        ),
    ),
    # Machine code of a log-density, kept on the disk and read back.
    "CFunc": ("numba.core.ccallback:CFunc", ("compile",)),
    "CompileResult": ("numba.core.compiler:CompileResult", ("_reduce", "_rebuild")),
    "cpu_target": ("numba.core.registry:cpu_target", ("target_context",)),
    "dumps": ("numba.core.serialize:dumps", ()),
    "to_ctypes": ("numba.core.typing.ctypes_utils:to_ctypes", ()),
    # Loops written in the instructions of LLVM.
    "cgutils": ("numba.core.cgutils", ("alloca_once_value", "for_range_slice")),
    # Operations of our own in compiled graphs, and of many draws at once.
    "numba_njit": ("pytensor.link.numba.dispatch.basic:numba_njit", ()),
    "register_funcify_default_op_cache_key": (
        "pytensor.link.numba.dispatch.basic:register_funcify_default_op_cache_key",
        (),
    ),
    "vectorize_node": ("pytensor.graph.replace:_vectorize_node", ("register",)),
    "vectorize_node_fallback": ("pytensor.tensor.blockwise:vectorize_node_fallback", ()),
    # Starting points, and the shape of a distribution of our own.
    "make_initial_point_fn": ("pymc.initial_point:make_initial_point_fn", ()),
    "rv_size_is_none": ("pymc.distributions.shape_utils:rv_size_is_none", ()),
    # Chained equations and estimating equations whose slow parts are written anew.
    "MICEData": (
        "statsmodels.imputation.mice:MICEData",
        ("get_fitting_data", "get_split_data", "update_all"),
    ),
    "OrdinalGEE": (
        "statsmodels.genmod.generalized_estimating_equations:OrdinalGEE",
        ("mean_deriv",),
    ),
    "OrdinalIndependence": (
        "statsmodels.genmod.cov_struct:OrdinalIndependence",
        ("covariance_matrix_solve",),
    ),
    # Workers that end with the run that started them.
    "LokyProcess": ("joblib.externals.loky.backend.process:LokyProcess", ()),
    "loky_tracker": ("joblib.externals.loky.backend.resource_tracker", ("ensure_running",)),
}


def __getattr__(name: str) -> Any:
    if name not in _PIECES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    path, members = _PIECES[name]
    library = path.partition(".")[0]
    try:
        piece = resolve_name(path)
    except (ImportError, AttributeError) as error:
        raise _moved(library, path.replace(":", ".")) from error
    for member in members:
        if member not in getattr(piece, "__dataclass_fields__", ()):
            member_of(piece, member, library)
    return piece


def member_of(owner: Any, member: str, library: str) -> Any:
    """Return an attribute that a library does not document, or say that it has moved.

    Parameters
    ----------
    owner : object
        Of the library.
    member : str
        Name of the attribute, or names with dots between them.
    library : str
        As it is installed.

    Returns
    -------
    object
        The attribute.

    Raises
    ------
    ImportError
        Where there is none: names the attribute, the library and its version.
    """
    found = owner
    for name in member.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            of = getattr(owner, "__name__", type(owner).__name__)
            raise _moved(library, f"{of}.{member}") from error
    return found


def _moved(library: str, piece: str) -> ImportError:
    return ImportError(
        f"{library} {version(library)} has no {piece}, which mmn_bayes needs and which is not "
        f"documented; install a version of {library} that pyproject.toml of mmn_bayes allows."
    )
