using System.Text;
using CsCheck;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Tests.Wire;

public sealed class JsonLinesTests
{
    private const int MaxLineBytes = 40;

    [Fact]
    public async Task Files_that_were_joined_may_begin_each_with_a_byte_order_mark()
    {
        byte[] joined = Encoding.UTF8.GetBytes("\uFEFF{}\r\n\uFEFF[]\n\uFEFF\n");

        var lines = await JsonLines.ReadAsync(new MemoryStream(joined), MaxLineBytes, CancellationToken.None).ToListAsync();

        Assert.Equal([(1, "{}"), (2, "[]")], lines.Select(line => (line.Number, Encoding.UTF8.GetString(line.Bytes!))));
    }

    [Fact]
    public void Lines_are_those_of_the_text_however_the_stream_is_cut() =>
        Gen.Select(Gen.String[Gen.Char[" ab\r\n{}"], 0, 300], Gen.Int[1, 17]).Sample((text, pieceLength) =>
        {
            var expected = text.Split('\n').Select((line, index) => (Number: index + 1, Text: line))
                .Where(line => Encoding.UTF8.GetByteCount(line.Text) > MaxLineBytes || line.Text.Trim(' ', '\r', '\t').Length > 0)
                .Select(line => (line.Number, Text: Encoding.UTF8.GetByteCount(line.Text) > MaxLineBytes ? null : line.Text.Trim(' ', '\r', '\t')));

            var lines = ReadAsync(text, pieceLength).GetAwaiter().GetResult();

            Assert.Equal(expected, lines);
        });

    [Fact]
    public async Task A_line_that_is_too_long_is_told_and_the_next_one_read()
    {
        var lines = await ReadAsync($"{new string('x', 100_000)}\n{{}}", pieceLength: 1000);

        Assert.Equal([(1, null), (2, "{}")], lines);
    }

    private static async Task<List<(int Number, string? Text)>> ReadAsync(string text, int pieceLength)
    {
        await using var stream = new PiecewiseStream(Encoding.UTF8.GetBytes(text), pieceLength);
        List<(int, string?)> lines = [];
        await foreach (var line in JsonLines.ReadAsync(stream, MaxLineBytes, CancellationToken.None))
            lines.Add((line.Number, line.Bytes is null ? null : Encoding.UTF8.GetString(line.Bytes)));
        return lines;
    }

    /// <summary>Gives a few bytes at a time, as a network does.</summary>
    private sealed class PiecewiseStream(byte[] bytes, int pieceLength) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, pieceLength)], cancellationToken);
    }
}
