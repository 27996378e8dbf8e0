//! Overrides of the parameters from the command line: `-testactivationheight`, `-vbparams`, `-test=bip94`.

use super::{Buried, Deployment, Params};

/// An override that cannot be read; the text is Core's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// No `@` between name and height.
    #[error("Invalid format ({0}) for -testactivationheight=name@height.")]
    ActivationFormat(String),
    /// The height is not a number below 2^31 - 1.
    #[error("Invalid height value ({0}) for -testactivationheight=name@height.")]
    ActivationHeight(String),
    /// No soft fork of this name.
    #[error("Invalid name ({0}) for -testactivationheight=name@height.")]
    ActivationName(String),
    /// Not three or four parts.
    #[error("Version bits parameters malformed, expecting deployment:start:end[:min_activation_height]")]
    VersionBitsFormat,
    /// A part is not a number.
    #[error("Invalid {field} ({value})")]
    VersionBitsNumber {
        /// Core's name of the part.
        field: &'static str,
        /// What was given.
        value: String,
    },
    /// No deployment of this name.
    #[error("Invalid deployment ({0})")]
    VersionBitsName(String),
}

impl Params {
    /// Moves a soft fork: the value of `-testactivationheight=name@height`.
    ///
    /// # Errors
    /// [`OptionError`] when the value is malformed or names no soft fork.
    pub fn set_activation_height(&mut self, value: &str) -> Result<(), OptionError> {
        let (name, height) = value.split_once('@').ok_or_else(|| OptionError::ActivationFormat(value.to_owned()))?;
        let height = height
            .parse::<i32>()
            .ok()
            .filter(|&height| (0..i32::MAX).contains(&height))
            .ok_or_else(|| OptionError::ActivationHeight(value.to_owned()))?;
        let fork = Buried::from_option(name).ok_or_else(|| OptionError::ActivationName(value.to_owned()))?;
        let slot = match fork {
            Buried::HeightInCoinbase => &mut self.bip34_height,
            Buried::Cltv => &mut self.bip65_height,
            Buried::DerSig => &mut self.bip66_height,
            Buried::Csv => &mut self.csv_height,
            Buried::Segwit => &mut self.segwit_height,
        };
        *slot = height.unsigned_abs();
        Ok(())
    }

    /// Changes a vote: the value of `-vbparams=deployment:start:end[:min_activation_height]`.
    ///
    /// # Errors
    /// [`OptionError`] when the value is malformed or names no deployment.
    pub fn set_version_bits(&mut self, value: &str) -> Result<(), OptionError> {
        let parts: Vec<&str> = value.split(':').collect();
        let (name, start, timeout, min_height) = match parts[..] {
            [name, start, timeout] => (name, start, timeout, "0"),
            [name, start, timeout, min_height] => (name, start, timeout, min_height),
            _ => return Err(OptionError::VersionBitsFormat),
        };
        let start_time = number("nStartTime", start)?;
        let timeout = number("nTimeout", timeout)?;
        let min_activation_height = number("min_activation_height", min_height)?;
        let deployment = Deployment::from_name(name)
            .and_then(|wanted| self.deployments.iter_mut().find(|d| d.deployment == wanted))
            .ok_or_else(|| OptionError::VersionBitsName(name.to_owned()))?;
        deployment.start_time = start_time;
        deployment.timeout = timeout;
        deployment.min_activation_height = min_activation_height;
        Ok(())
    }
}

fn number<T: std::str::FromStr>(field: &'static str, value: &str) -> Result<T, OptionError> {
    value.parse().map_err(|_| OptionError::VersionBitsNumber { field, value: value.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activation_heights_are_overridden_by_name() {
        let mut params = Params::regtest();
        params.set_activation_height("segwit@432").unwrap();
        params.set_activation_height("dersig@102").unwrap();
        params.set_activation_height("cltv@111").unwrap();
        assert_eq!((params.segwit_height, params.bip66_height, params.bip65_height), (432, 102, 111));
        for (value, text) in [
            ("csv", "Invalid format (csv) for -testactivationheight=name@height."),
            ("csv@x", "Invalid height value (csv@x) for -testactivationheight=name@height."),
            ("csv@-1", "Invalid height value (csv@-1) for -testactivationheight=name@height."),
            ("bip66@1", "Invalid name (bip66@1) for -testactivationheight=name@height."),
        ] {
            assert_eq!(params.set_activation_height(value).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn votes_are_overridden_by_name() {
        let mut params = Params::regtest();
        params.set_version_bits("testdummy:1199145601:1230767999:403200").unwrap();
        let dummy = params.deployment(Deployment::TestDummy).unwrap();
        assert_eq!(
            (dummy.start_time, dummy.timeout, dummy.min_activation_height),
            (1_199_145_601, 1_230_767_999, 403_200)
        );
        params.set_version_bits("testdummy:-2:0").unwrap();
        assert_eq!(params.deployment(Deployment::TestDummy).unwrap().min_activation_height, 0);
        assert_eq!(params.set_version_bits("testdummy:1").unwrap_err(), OptionError::VersionBitsFormat);
        assert_eq!(params.set_version_bits("testdummy:a:1").unwrap_err().to_string(), "Invalid nStartTime (a)");
        assert_eq!(params.set_version_bits("other:0:1").unwrap_err().to_string(), "Invalid deployment (other)");
    }
}
