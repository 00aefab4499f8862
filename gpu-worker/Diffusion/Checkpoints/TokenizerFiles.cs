namespace LLaDA.Diffusion.Checkpoints;

/// <summary>The files of a model's folder that belong to its tokenizer: a trained copy of the model needs them too.</summary>
public static class TokenizerFiles
{
    private static readonly HashSet<string> s_names =
        ["added_tokens.json", "special_tokens_map.json", "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json"];

    /// <param name="name">Of a file, without its folder.</param>
    public static bool Contains(string name) => name.StartsWith("tokenizer", StringComparison.Ordinal) || s_names.Contains(name);
}
