using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Tests.Text;

namespace LLaDA.Diffusion.Tests.Data;

public sealed class TokenFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("llada-packed-").FullName;

    private string File => Path.Combine(_folder, "text.tokens");

    [Fact]
    public void A_file_gives_the_batches_that_memory_gives()
    {
        string[] documents = ["the word was with", "in the beginning", "the light"];
        long count = TokenFile.Write(File, TinyTokenizer.Instance, documents);
        int[] tokens = [.. TokenFile.Encode(TinyTokenizer.Instance, documents)];
        using var mapped = new TokenSequences(TokenFile.Open(File, TinyTokenizer.Instance.NumTokens), 4, seed: 5);
        using var held = new TokenSequences(tokens, 4, seed: 5);

        Assert.Equal(tokens.Length, count);
        Assert.Equal(held.Fingerprint, mapped.Fingerprint);
        for (int step = 0; step < 5; step++)
            Assert.Equal(held.Batch(step, 3).Rows, mapped.Batch(step, 3).Rows);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(16)]
    [InlineData(-1)]
    [InlineData(-2)]
    public void A_file_that_was_cut_is_refused(int length)
    {
        TokenFile.Write(File, TinyTokenizer.Instance, ["the word"]);
        using (var stream = System.IO.File.OpenWrite(File))
            stream.SetLength(length >= 0 ? length : stream.Length + length);

        Assert.Contains(
            "not a whole file", Assert.Throws<TrainingDataException>(() => TokenFile.Open(File, TinyTokenizer.Instance.NumTokens)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Another_vocabularys_tokens_are_refused()
    {
        TokenFile.Write(File, TinyTokenizer.Instance, ["the word"]);

        Assert.Contains(
            $"{TinyTokenizer.Instance.NumTokens} tokens, not of 7",
            Assert.Throws<TrainingDataException>(() => TokenFile.Open(File, 7)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_on_the_way_leaves_no_file()
    {
        static IEnumerable<string> Documents()
        {
            yield return "the word";
            throw new TrainingDataException("text.jsonl", ["line 2: no text"]);
        }

        Assert.Throws<TrainingDataException>(() => TokenFile.Write(File, TinyTokenizer.Instance, Documents()));
        Assert.False(System.IO.File.Exists(File));
    }

    [Fact]
    public void Nothing_is_read_beyond_the_ends()
    {
        using var tokens = TokenFile.Of([1, 2, 3]);
        int[] two = new int[2];
        tokens.Read(1, two);

        Assert.Equal([2, 3], two);
        Assert.Throws<ArgumentOutOfRangeException>(() => tokens.Read(2, two));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokens.Read(-1, two));
    }

    [Fact]
    public void Only_such_a_file_is_taken_for_one()
    {
        System.IO.File.WriteAllText(File, """{"text": "the word"}""");
        Assert.False(TokenFile.IsPacked(File));

        TokenFile.Write(File, TinyTokenizer.Instance, ["the word"]);
        Assert.True(TokenFile.IsPacked(File));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
