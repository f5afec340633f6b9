//! Packs that no honest server sends.

use std::io::Write;

/// Bytes of data in one packet.
const PACKET: usize = 65_515;

/// The answer of a server to `fetch`: the pack, in packets.
pub(crate) fn answered(pack: &[u8]) -> Vec<u8> {
    let mut answer = b"000dpackfile\n".to_vec();
    for chunk in pack.chunks(PACKET) {
        answer.extend_from_slice(format!("{:04x}\u{1}", chunk.len() + 5).as_bytes());
        answer.extend_from_slice(chunk);
    }
    answer.extend_from_slice(b"0000");
    answer
}

/// Sends a pack of one object that has as many bytes as it says, all zero and not compressed, until
/// the client hangs up.
pub(crate) fn send_zeros(out: &mut impl Write, size: u64) -> std::io::Result<()> {
    out.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")?;
    out.write_all(b"Content-Type: application/x-git-upload-pack-result\r\n\r\n000dpackfile\n")?;
    let mut start = b"PACK\0\0\0\x02\0\0\0\x01".to_vec();
    // A blob; four bits of the size, then seven in each byte.
    let mut rest = size >> 4;
    start.push(0x30 | (size & 15) as u8 | if rest > 0 { 0x80 } else { 0 });
    while rest > 0 {
        start.push((rest & 0x7f) as u8 | if rest > 0x7f { 0x80 } else { 0 });
        rest >>= 7;
    }
    start.extend_from_slice(&[0x78, 0x01]);
    let mut packet = |bytes: &[u8]| -> std::io::Result<()> {
        out.write_all(format!("{:04x}\u{1}", bytes.len() + 5).as_bytes())?;
        out.write_all(bytes)
    };
    packet(&start)?;
    // A stored block of the deflate format: its length, and that again with each bit turned.
    let length = 60_000u16;
    let mut block = vec![0];
    block.extend_from_slice(&length.to_le_bytes());
    block.extend_from_slice(&(!length).to_le_bytes());
    block.resize(5 + usize::from(length), 0);
    let mut sent = 0;
    while sent < size {
        packet(&block)?;
        sent += u64::from(length);
    }
    Ok(())
}
