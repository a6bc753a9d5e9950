//! Port forwarding over the channels of one websocket, as client libraries ask for it (Python, JavaScript, Java):
//! two channels a port, the even one carries it, the odd one tells why it failed. The first message of each is
//! the port, two bytes, the low one first (`cri-streaming/pkg/streaming/portforward`).

use super::access::query;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// The protocol with bytes as they are.
pub const BINARY: &str = "v4.channel.k8s.io";
/// The protocol with base64, and the channel's number as a digit.
pub const BASE64: &str = "v4.base64.channel.k8s.io";
/// Bytes read from a port at a time.
const CHUNK: usize = 32 * 1024;
/// How many ports fit into the numbers of channels.
const MOST: usize = 127;

/// The ports that the query of a request names, also several in one, separated by commas.
///
/// # Errors
/// There are none, too many, or what stands there is no port.
pub fn ports(text: Option<&str>) -> Result<Vec<u16>, String> {
    let mut ports = Vec::new();
    for (_, value) in query(text.unwrap_or_default()).into_iter().filter(|(name, _)| name == "ports") {
        if value.is_empty() {
            return Err("query parameter \"port\" cannot be empty".to_owned());
        }
        for part in value.split(',') {
            match part.parse::<u16>() {
                Ok(0) => return Err("port \"0\" must be > 0".to_owned()),
                Ok(port) => ports.push(port),
                Err(_) => return Err(format!("unable to parse {value:?} as a port")),
            }
        }
    }
    match ports.len() {
        0 => Err("query parameter \"port\" is required".to_owned()),
        1..=MOST => Ok(ports),
        _ => Err(format!("more than {MOST} ports in one connection")),
    }
}

/// Serves a websocket until all ports are done, or the client is gone; `connect` opens a port.
pub async fn serve<T>(
    socket: WebSocketStream<T>,
    protocol: &str,
    ports: &[u16],
    connect: impl Fn(u16) -> Result<DuplexStream, String>,
) where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let encoded = protocol == BASE64;
    let (mut sink, mut source) = socket.split();
    let (frames, mut outgoing) = mpsc::channel::<(u8, Bytes)>(16);
    let mut inputs = Vec::new();
    let mut tasks = JoinSet::new();
    for (channel, port) in (0u8..).step_by(2).zip(ports) {
        for channel in [channel, channel + 1] {
            let head = framed(channel, &port.to_le_bytes(), encoded);
            if sink.send(head).await.is_err() {
                return;
            }
        }
        let (sender, receiver) = mpsc::channel::<Bytes>(16);
        inputs.push(sender);
        match connect(*port) {
            Ok(stream) => drop(tasks.spawn(carry(channel, stream, receiver, frames.clone()))),
            Err(error) => {
                let frames = frames.clone();
                tasks.spawn(async move { drop(frames.send((channel + 1, error.into())).await) });
            }
        }
    }
    drop(frames);
    loop {
        tokio::select! {
            frame = outgoing.recv() => match frame {
                Some((channel, bytes)) => if sink.send(framed(channel, &bytes, encoded)).await.is_err() { return },
                // All ports have ended.
                None => break,
            },
            message = source.next() => match message {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(message)) => {
                    let Some((channel, bytes)) = read(message, encoded) else { continue };
                    let Some(input) = inputs.get(usize::from(channel / 2)).filter(|_| channel % 2 == 0) else { continue };
                    // A port that takes nothing any more may still have something to say.
                    let _ = input.send(bytes).await;
                }
            },
        }
    }
    let _ = sink.send(Message::Close(None)).await;
}

/// One port: what comes in goes to the program, what it says goes out.
async fn carry(channel: u8, stream: DuplexStream, mut input: mpsc::Receiver<Bytes>, frames: mpsc::Sender<(u8, Bytes)>) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let incoming = async {
        while let Some(bytes) = input.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await
    };
    let outgoing = async {
        let mut buffer = vec![0; CHUNK];
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            let bytes = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
            if frames.send((channel, bytes)).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = incoming => {}
        () = outgoing => {}
    }
}

fn framed(channel: u8, bytes: &[u8], encoded: bool) -> Message {
    if encoded {
        return Message::text(format!("{}{}", char::from(b'0' + channel % 10), BASE64_STANDARD.encode(bytes)));
    }
    let mut message = Vec::with_capacity(bytes.len() + 1);
    message.push(channel);
    message.extend_from_slice(bytes);
    Message::binary(message)
}

/// The channel of a message and what it carries.
fn read(message: Message, encoded: bool) -> Option<(u8, Bytes)> {
    if !matches!(message, Message::Binary(_) | Message::Text(_)) {
        return None;
    }
    let mut bytes = message.into_data();
    let channel = *bytes.first()?;
    let bytes = bytes.split_off(1);
    if encoded {
        return Some((channel.checked_sub(b'0')?, crate::go::base64::decode(&bytes).ok()?.into()));
    }
    Some((channel, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::protocol::Role;

    #[test]
    fn reads_ports() {
        assert_eq!(ports(Some("ports=80%2C443&x=1&ports=8080")), Ok(vec![80, 443, 8080]));
        assert!(ports(None).is_err() && ports(Some("ports=")).is_err() && ports(Some("ports=0")).is_err());
        assert_eq!(ports(Some("ports=70000")), Err("unable to parse \"70000\" as a port".to_owned()));
    }

    #[tokio::test]
    async fn two_ports_in_one_websocket() {
        for protocol in [BINARY, BASE64] {
            let encoded = protocol == BASE64;
            let (near, far) = tokio::io::duplex(1 << 16);
            let server = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
            let connect = |port: u16| match port {
                80 => {
                    let (near, mut far) = tokio::io::duplex(64);
                    tokio::spawn(async move {
                        let mut word = [0; 5];
                        far.read_exact(&mut word).await.expect("a word");
                        far.write_all(b"you said ").await.expect("written");
                        far.write_all(&word).await.expect("written");
                    });
                    Ok(near)
                }
                _ => Err("nobody listens".to_owned()),
            };
            let serving = async { serve(server, protocol, &[80, 81], connect).await };
            let talking = async {
                let mut client = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
                client.send(framed(0, b"hello", encoded)).await.expect("sent");
                let mut heard = vec![Vec::new(); 4];
                while let Some(Ok(message)) = client.next().await {
                    if let Some((channel, bytes)) = read(message, encoded) {
                        heard[usize::from(channel)].extend_from_slice(&bytes);
                    }
                }
                heard
            };
            let ((), heard) = tokio::join!(serving, talking);
            let want: [&[u8]; 4] = [b"P\0you said hello", b"P\0", b"Q\0", b"Q\0nobody listens"];
            assert_eq!(heard, want, "{protocol}");
        }
    }
}
