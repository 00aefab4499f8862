using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Train.Texts;

/// <summary>Reads and writes training text.</summary>
internal static class Documents
{
    public const string Description = "JSON Lines of {\"text\"}, a text file that is one document, or a folder of such files";

    private static readonly JsonSerializerOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Opens a file of packed tokens. Other text is packed first.</summary>
    /// <param name="packed">File for the packed tokens; not written where <paramref name="path"/> is packed already.</param>
    public static TokenFile Pack(string path, LLaDATokenizer tokenizer, string packed)
    {
        if (File.Exists(path) && TokenFile.IsPacked(path))
            return TokenFile.Open(path, tokenizer.NumTokens);
        TokenFile.Write(packed, tokenizer, TextDocuments.Read(path));
        return TokenFile.Open(packed, tokenizer.NumTokens);
    }

    public static void Write(string path, IEnumerable<string> documents) =>
        File.WriteAllLines(path, documents.Select(text => new JsonObject { ["text"] = text }.ToJsonString(s_json)));
}
