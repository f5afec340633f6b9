//! The services of clouds as far as weir-cloud speaks to them: AWS KMS and STS, Google's tokens and KMS, Entra ID and
//! Key Vault, Vault's logins and its transit engine, and the metadata servers. They verify what they are sent:
//! signatures, tokens, headers. Beside them moto, which somebody else wrote.

mod aws;
mod azure;
mod gcp;
mod http;
mod jwt;
mod moto;
mod vault;

pub use aws::{Aws, AwsKey};
pub use azure::Azure;
pub use gcp::Gcp;
pub use http::{Asked, CloudServer, Said};
pub use jwt::{Issuer, Rsa};
pub use moto::Moto;
pub use vault::Vault;
