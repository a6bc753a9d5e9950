//! The way through a SOCKS proxy (RFC 1928, RFC 1929), in the words of Go's `x/net/internal/socks`.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stream::Stream;
use super::words::io_words;

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;
const NOTHING_FITS: u8 = 0xff;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// What replies mean, from 1 on.
const REPLIES: [&str; 8] = [
    "general SOCKS server failure",
    "connection not allowed by ruleset",
    "network unreachable",
    "host unreachable",
    "connection refused",
    "TTL expired",
    "command not supported",
    "address type not supported",
];

async fn read<const N: usize>(stream: &mut Stream) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest).await {
            Ok(0) => return Err(if filled == 0 { "EOF" } else { "unexpected EOF" }.to_owned()),
            Ok(size) => filled += size,
            Err(error) => return Err(io_words(&error)),
        }
    }
    Ok(bytes)
}

async fn write(stream: &mut Stream, bytes: &[u8]) -> Result<(), String> {
    stream.write_all(bytes).await.map_err(|error| io_words(&error))
}

fn expect_version(version: u8) -> Result<(), String> {
    if version == VERSION { Ok(()) } else { Err(format!("unexpected protocol version {version}")) }
}

/// Asks a proxy to connect to a host, which it looks up itself.
pub(super) async fn connect(
    stream: &mut Stream,
    user: Option<&(String, String)>,
    host: &str,
    port: u16,
) -> Result<(), String> {
    let offer: &[u8] = if user.is_some() { &[VERSION, 2, NO_LOGIN, PASSWORD] } else { &[VERSION, 1, NO_LOGIN] };
    write(stream, offer).await?;
    let [version, method] = read(stream).await?;
    expect_version(version)?;
    match (method, user) {
        (NOTHING_FITS, _) => return Err("no acceptable authentication methods".to_owned()),
        (NO_LOGIN, _) | (_, None) => {}
        (PASSWORD, Some((name, password))) => login(stream, name, password).await?,
        (other, Some(_)) => return Err(format!("unsupported authentication method {other}")),
    }
    let mut request = vec![VERSION, 1, 0];
    match host.parse() {
        Ok(std::net::IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend(address.octets());
        }
        Ok(std::net::IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend(address.octets());
        }
        Err(_) => {
            request.extend([NAME, u8::try_from(host.len()).map_err(|_| "FQDN too long".to_owned())?]);
            request.extend(host.bytes());
        }
    }
    request.extend(port.to_be_bytes());
    write(stream, &request).await?;
    let [version, reply, reserved, kind] = read(stream).await?;
    expect_version(version)?;
    if reply != 0 {
        let known = REPLIES.get(usize::from(reply) - 1).map(|words| (*words).to_owned());
        return Err(format!("unknown error {}", known.unwrap_or_else(|| format!("unknown code: {reply}"))));
    }
    if reserved != 0 {
        return Err("non-zero reserved field".to_owned());
    }
    // Where the proxy itself stands is nobody's concern.
    let length = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(read::<1>(stream).await?[0]),
        other => return Err(format!("unknown address type {other}")),
    };
    for _ in 0..length + 2 {
        read::<1>(stream).await?;
    }
    Ok(())
}

async fn login(stream: &mut Stream, name: &str, password: &str) -> Result<(), String> {
    let wrong = || "invalid username/password".to_owned();
    let length = |text: &str| u8::try_from(text.len()).map_err(|_| wrong());
    if name.is_empty() {
        return Err(wrong());
    }
    let mut request = vec![1, length(name)?];
    request.extend(name.bytes());
    request.push(length(password)?);
    request.extend(password.bytes());
    write(stream, &request).await?;
    match read(stream).await? {
        [1, 0] => Ok(()),
        [1, _] => Err("username/password authentication failed".to_owned()),
        _ => Err("invalid username/password version".to_owned()),
    }
}
