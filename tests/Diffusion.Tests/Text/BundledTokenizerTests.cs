using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using System.Text;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Tests.Text;

/// <summary>The bundled models read their text in the tokens that they were trained on.</summary>
public sealed class BundledTokenizerTests
{
    private const int NumChars = 20_000, MaxLine = 60, LineStep = 20;

    private static readonly string s_models = Path.Combine(Repository.Root, "gpu-worker", "models");

    [Theory]
    [InlineData("llada-tiny-base")]
    [InlineData("llada-tiny-instruct")]
    public void Tokens_are_those_of_the_models_training(string model)
    {
        var tokenizer = new LLaDATokenizer(Path.Combine(s_models, model));

        Assert.Equal("747d492baea4c4f0", Hash(tokenizer, TrainingText()));
        Assert.Equal("22c6427724b52f49", Hash(tokenizer, AnyLines()));
    }

    private static IEnumerable<string> TrainingText()
    {
        foreach (string file in (string[])["kjv.tsv.gz", "wordnet-glosses.tsv.gz"])
        {
            using var reader = new StreamReader(
                new GZipStream(File.OpenRead(Path.Combine(s_models, "data", file)), CompressionMode.Decompress));
            for (int number = 0; reader.ReadLine() is { } line; number++)
            {
                if (number % LineStep == 0)
                    yield return line;
            }
        }
    }

    /// <summary>Characters of the basic plane, drawn by a generator that never changes.</summary>
    private static IEnumerable<string> AnyLines()
    {
        uint state = 1;
        int Next(int below) => (int)((state = (state * 1_664_525) + 1_013_904_223) >> 8) % below;
        var line = new StringBuilder();
        for (int index = 0; index < NumChars; index++)
        {
            char drawn = (char)(Next(3) == 0 ? Next(0xD800) : Next(0x250));
            line.Append(Next(4) == 0 ? ' ' : drawn);
            if (line.Length < MaxLine)
                continue;
            yield return line.ToString();
            line.Clear();
        }
    }

    private static string Hash(LLaDATokenizer tokenizer, IEnumerable<string> texts)
    {
        var hash = new XxHash64();
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        foreach (string text in texts)
        {
            foreach (int id in (int[])[.. tokenizer.Encode(text), -1])
            {
                BinaryPrimitives.WriteInt32LittleEndian(bytes, id);
                hash.Append(bytes);
            }
        }
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }
}
