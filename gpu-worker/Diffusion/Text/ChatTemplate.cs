namespace LLaDA.Diffusion.Text;

/// <summary>
/// LLaDA's dialogue format: one beginning-of-text, then for each message a header with its role, two newlines, the trimmed content and the
/// end of turn.
/// </summary>
/// <remarks>
/// The template shipped with GSAI-ML/LLaDA-8B-Instruct always appends the assistant's header; here that is a choice, so that training data
/// can be rendered too.
/// </remarks>
public static class ChatTemplate
{
    /// <summary>The same format for Hugging Face's tokenizers.</summary>
    public const string Jinja =
        "{{ '<|startoftext|>' }}"
        + "{% for message in messages %}"
        + "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}"
        + "{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";

    /// <param name="messages">In order, from the first turn on.</param>
    /// <param name="addGenerationPrompt">Ends with the assistant's header, where the answer is to follow.</param>
    /// <exception cref="NotSupportedException">The tokenizer lacks the tokens of a dialogue.</exception>
    public static List<int> Encode(LLaDATokenizer tokenizer, IEnumerable<ChatMessage> messages, bool addGenerationPrompt = true)
    {
        if (!tokenizer.KnowsDialogues)
            throw new NotSupportedException("The model's tokenizer has no tokens for dialogues: it is a base model");

        List<int> ids = [tokenizer.BeginningOfTextId];
        foreach (var message in messages)
        {
            AddHeader(tokenizer, ids, message.Role);
            ids.AddRange(tokenizer.Encode("\n\n" + message.Content.Trim()));
            ids.Add(tokenizer.EndOfTurnId!.Value);
        }
        if (addGenerationPrompt)
        {
            AddHeader(tokenizer, ids, "assistant");
            ids.AddRange(tokenizer.Encode("\n\n"));
        }
        return ids;
    }

    private static void AddHeader(LLaDATokenizer tokenizer, List<int> ids, string role)
    {
        ids.Add(tokenizer.StartOfHeaderId!.Value);
        ids.AddRange(tokenizer.Encode(role));
        ids.Add(tokenizer.EndOfHeaderId!.Value);
    }
}
