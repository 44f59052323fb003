//! The functions that Polars looks up in the library by name: its plugin interface, version 0.1.
//!
//! A function writes its answer to `output`. If it fails or panics, it leaves `output` empty and
//! keeps the error, for which Polars calls `_polars_plugin_get_last_error_message` on the same
//! thread.

#![allow(unsafe_code)]

use crate::plugin::expressions::{
    FeatureKwargs, bar_id, bar_id_type, bars, bars_type, feature, feature_type,
};
use crate::plugin::options::Options;
use crate::plugin::refusal::{compute_error, panic_text};
use polars_arrow::ffi::{ArrowSchema, export_field_to_c, import_field_from_c};
use polars_core::prelude::{CompatLevel, Field, PolarsResult, Series};
use polars_ffi::version_0::{CallerContext, SeriesExport, export_series, import_series_buffer};
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

const VERSION: (u16, u16) = polars_ffi::get_version();
const _: () = assert!(matches!(VERSION, (0, 1)), "the signatures below are those of version 0.1");

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// The version of the interface: 16 bits of each number.
#[unsafe(no_mangle)]
pub extern "C" fn _polars_plugin_get_version() -> u32 {
    u32::from(VERSION.0) << 16 | u32::from(VERSION.1)
}

/// The error of the last call on this thread that left its answer empty, valid until the next one.
#[unsafe(no_mangle)]
pub extern "C" fn _polars_plugin_get_last_error_message() -> *const c_char {
    LAST_ERROR.with_borrow(|text| text.as_ptr())
}

/// The answer of a call, or nothing if it fails or panics; then its error is kept.
fn answer<T>(call: impl FnOnce() -> PolarsResult<T>) -> Option<T> {
    let error = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => return Some(value),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => format!(
            "rangebar-polars panicked: {} (report it with the schema of the trades)",
            panic_text(&*panic).unwrap_or("no message")
        ),
    };
    // Without its zeros every text is a C string.
    LAST_ERROR.set(CString::new(error.replace('\0', "\\0")).unwrap_or_default());
    None
}

/// The arguments of an expression, which Polars pickled.
fn unpickled<K: DeserializeOwned>(kwargs: &[u8]) -> PolarsResult<K> {
    serde_pickle::from_slice(kwargs, serde_pickle::DeOptions::default()).map_err(|error| {
        compute_error(&format!(
            "the arguments of the expression cannot be read: {error} (make the expression with the \
             version of rangebar-polars that runs it)"
        ))
    })
}

/// Compute an expression.
///
/// # Safety
/// The pointers are those that Polars passes to `_polars_plugin_NAME`.
unsafe fn compute<K: DeserializeOwned>(
    call: fn(&[Series], &K) -> PolarsResult<Series>,
    (inputs, len): (*mut SeriesExport, usize),
    (kwargs, size): (*const u8, usize),
    output: *mut SeriesExport,
) {
    let series = answer(|| {
        // SAFETY: `inputs` are `len` valid series, which Polars gives up with the call.
        let inputs = unsafe { import_series_buffer(inputs, len) }?;
        // SAFETY: `kwargs` are `size` bytes, which Polars keeps until the call returns.
        let series = call(&inputs, &unpickled(unsafe { slice::from_raw_parts(kwargs, size) })?)?;
        Ok(export_series(&series))
    });
    if let Some(series) = series {
        // SAFETY: `output` is an empty series of the caller, so there is nothing to drop.
        unsafe { output.write(series) };
    }
}

/// Name the dtype of an expression.
///
/// # Safety
/// The pointers are those that Polars passes to `_polars_plugin_field_NAME`.
unsafe fn resolve<K: DeserializeOwned>(
    call: fn(&[Field], &K) -> PolarsResult<Field>,
    (inputs, len): (*const ArrowSchema, usize),
    (kwargs, size): (*const u8, usize),
    output: *mut ArrowSchema,
) {
    let field = answer(|| {
        // SAFETY: `inputs` are `len` valid fields, which Polars keeps until the call returns.
        let inputs = unsafe { slice::from_raw_parts(inputs, len) };
        // SAFETY: they are valid, see above.
        let fields = inputs.iter().map(|input| unsafe { import_field_from_c(input) });
        let fields: Vec<_> =
            fields.map(|input| Ok(Field::from(&input?))).collect::<PolarsResult<_>>()?;
        // SAFETY: `kwargs` are `size` bytes, which Polars keeps until the call returns.
        let field = call(&fields, &unpickled(unsafe { slice::from_raw_parts(kwargs, size) })?)?;
        Ok(export_field_to_c(&field.to_arrow(CompatLevel::newest())))
    });
    if let Some(field) = field {
        // SAFETY: `output` is an empty field of the caller, so there is nothing to drop.
        unsafe { output.write(field) };
    }
}

/// Export an expression and the function that names its dtype.
macro_rules! export {
    ($kwargs:ty, $name:ident: $call:ident, $field_name:ident: $field_call:ident) => {
        /// # Safety
        /// Only Polars may call this.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            inputs: *mut SeriesExport,
            len: usize,
            kwargs: *const u8,
            size: usize,
            output: *mut SeriesExport,
            _: *const CallerContext,
        ) {
            // SAFETY: Polars passes these pointers.
            unsafe { compute::<$kwargs>($call, (inputs, len), (kwargs, size), output) };
        }

        /// # Safety
        /// Only Polars may call this.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $field_name(
            inputs: *const ArrowSchema,
            len: usize,
            output: *mut ArrowSchema,
            kwargs: *const u8,
            size: usize,
        ) {
            // SAFETY: Polars passes these pointers.
            unsafe { resolve::<$kwargs>($field_call, (inputs, len), (kwargs, size), output) };
        }
    };
}

export!(Options, _polars_plugin_bars: bars, _polars_plugin_field_bars: bars_type);
export!(Options, _polars_plugin_bar_id: bar_id, _polars_plugin_field_bar_id: bar_id_type);
export!(FeatureKwargs, _polars_plugin_feature: feature, _polars_plugin_field_feature: feature_type);
