using System.Text.Json.Nodes;
using CsCheck;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Tests.Text;

/// <summary>A tokenizer trained on a few sentences.</summary>
internal static class TinyTokenizer
{
    public const int NumMerges = 40;

    public const string Corpus =
        "In the beginning was the word, and the word was with the reader. The reader read the words of the writer; " +
        "the writer wrote 1234 words in 12 days.\n\n" +
        "It's the user's turn: they'll say what they've read, and the assistant's answer isn't far. " +
        "Größe und Maß – naïve café, 日本語の言葉, и слова. 🙂🙂 words 👩‍👩‍👧‍👧.\n";

    private static readonly Lazy<LLaDATokenizer> s_instance = new(() =>
    {
        using var folder = new TemporaryFolder();
        Save(folder);
        return new LLaDATokenizer(folder.Path);
    });

    public static LLaDATokenizer Instance => s_instance.Value;

    /// <summary>Any UTF-16, halves of surrogate pairs included.</summary>
    public static Gen<string> AnyChars { get; } = Gen.OneOf(
        Gen.Char, Gen.Char['\uD800', '\uDFFF'], Gen.Char['a', 'e']).Array[0, 20].Select(chars => new string(chars));

    /// <summary>
    /// Any text without half of a surrogate pair: letters, signs, white space, emoji, and pieces that tokenizers like to stumble over.
    /// </summary>
    public static Gen<string> AnyText { get; } = Gen.OneOf(
        Gen.String.Where(text => !HasLoneSurrogate(text)),
        Gen.OneOf(
            "the word", " ", "  ", "\n", "\r\n\t", "'ll", "日本", "é", "e\u0301", "🙂", "👩‍👩‍👧‍👧", "\u0000", "\uFFFD", "\u200F", "𝒜",
            "<|eot_id|>", "<|mdm_mask|>", "Ġ", "Ċ", "12345", "[MASK]", "\\")
            .Array[0, 12].Select(string.Concat));

    public static void Save(TemporaryFolder folder, int numMerges = NumMerges)
    {
        var trainer = new BpeTrainer();
        trainer.Add(Corpus);
        BpeTrainer.Save(trainer.Train(256 + numMerges + SpecialTokens.All.Count), folder.Path);
    }

    /// <summary>The tokenizer with something changed in its file.</summary>
    public static LLaDATokenizer Changed(Action<JsonObject> change)
    {
        using var folder = new TemporaryFolder();
        Save(folder);
        string path = folder.File(LLaDATokenizer.FileName);
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(json);
        File.WriteAllText(path, json.ToJsonString());
        return new LLaDATokenizer(folder.Path);
    }

    private static bool HasLoneSurrogate(string text)
    {
        for (int index = 0; index < text.Length; index++)
        {
            if (char.IsHighSurrogate(text[index]) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1]))
                index++;
            else if (char.IsSurrogate(text[index]))
                return true;
        }
        return false;
    }
}
