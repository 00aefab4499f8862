using System.Text.Json.Nodes;
using LLaDA.Diffusion.Text;
using Tokenizers.DotNet;

namespace LLaDA.Diffusion.Tests.Text;

/// <summary>
/// The library's reading of a tokenizer.json beside Hugging Face's. That of Hugging Face gets no special tokens, since it finds them in
/// text.
/// </summary>
internal sealed class TokenizerPair : IDisposable
{
    private readonly Tokenizer _huggingFace;

    public TokenizerPair(JsonObject json)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File(LLaDATokenizer.FileName), json.ToJsonString());
        Ours = new LLaDATokenizer(folder.Path);
        var added = json["added_tokens"]!.AsArray();
        json["added_tokens"] = new JsonArray(
            [.. added.Where(token => token!["special"]!.GetValue<bool>() == false).Select(token => token!.DeepClone())]);
        File.WriteAllText(folder.File("text.json"), json.ToJsonString());
        _huggingFace = new Tokenizer(folder.File("text.json"));
    }

    public LLaDATokenizer Ours { get; }

    public int[] Expected(string text) => [.. _huggingFace.Encode(text).Select(id => (int)id)];

    public void AssertSame(string text) => Assert.Equal(Expected(text), Ours.Encode(text));

    public void Dispose() => _huggingFace.Dispose();
}
