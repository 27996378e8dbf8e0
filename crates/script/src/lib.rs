//! The Bitcoin script interpreter, with the flags and the reasons of Bitcoin Core.
//!
//! [`Interpreter`] decides about an input of a [`PrecomputedTx`] under [`Flags`], and says why not as a [`ScriptError`], in
//! Core's words. It knows bare scripts, P2SH (BIP16), witness version 0 (BIP141, BIP143), taproot and tapscript (BIP340, 341,
//! 342), lock times (BIP65, BIP112) and every rule of policy. It neither reads nor writes anything but its arguments.
//!
//! ```
//! use bitcoin::{Transaction, TxOut};
//! use pumasi_script::{Flags, Interpreter, PrecomputedTx, ScriptError, ScriptVerifier as _};
//!
//! fn check(tx: &Transaction, spent: Vec<TxOut>) -> Result<(), (usize, ScriptError)> {
//!     let (tx, interpreter) = (PrecomputedTx::new(tx, spent), Interpreter::new());
//!     (0..tx.spent().len()).try_for_each(|input| {
//!         interpreter.verify(&tx, input, Flags::STANDARD).map_err(|reason| (input, reason))
//!     })
//! }
//! ```

mod cache;
mod checker;
mod encoding;
mod error;
mod flags;
mod interpreter;
#[cfg(feature = "kernel")]
mod kernel;
mod names;
mod number;
mod opcode;
mod sighash;
mod sigops;
mod tx;
mod verifier;

pub use cache::{CacheUse, SigCache};
pub use checker::{ExecutionData, SigVersion, SignatureChecker, TransactionChecker};
pub use error::ScriptError;
pub use flags::{Flags, UnknownFlag};
pub use interpreter::verify_script;
#[cfg(feature = "kernel")]
pub use kernel::Kernel;
pub use names::opcode_name;
pub use opcode::{is_push_only, witness_program};
pub use sigops::{legacy_sigops, p2sh_sigops, transaction_legacy_sigops, transaction_sigop_cost, witness_sigops};
pub use tx::PrecomputedTx;
pub use verifier::{Interpreter, ScriptVerifier};
