namespace LLaDA.Diffusion.Text;

/// <summary>
/// LLaDA's dialogue format: one beginning-of-text, then for each message a header with its role, two newlines, the trimmed content and the
/// end of turn.
/// </summary>
/// <remarks>
/// Models that bring a chat template have their own format instead (<see cref="LLaDATokenizer.KnowsDialogues"/>).
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
    /// <exception cref="FormatException">The model's own template refuses the dialogue or fails on it.</exception>
    public static List<int> Encode(LLaDATokenizer tokenizer, IEnumerable<ChatMessage> messages, bool addGenerationPrompt = true)
    {
        if (tokenizer.WhyNoDialogues is { } reason)
            throw new NotSupportedException(reason);
        return tokenizer.Template is { } own
            ? tokenizer.Encode(own.Render(messages, addGenerationPrompt))
            : EncodeOwn(tokenizer, messages, addGenerationPrompt);
    }

    /// <summary>The prompt of a dialogue and the tokens that a model is to answer, up to the end of its turn.</summary>
    /// <exception cref="NotSupportedException">The tokenizer lacks the tokens of a dialogue.</exception>
    /// <exception cref="FormatException">
    /// The model's own template refuses the dialogue, fails on it, or does not show where the answer begins and ends.
    /// </exception>
    public static (IReadOnlyList<int> Prompt, IReadOnlyList<int> Answer) EncodeAnswered(
        LLaDATokenizer tokenizer, IReadOnlyList<ChatMessage> history, string answer)
    {
        if (tokenizer.WhyNoDialogues is null && tokenizer.Template is { } own)
        {
            var (prompt, rest) = own.RenderAnswered(history, answer);
            return (tokenizer.Encode(prompt), tokenizer.Encode(rest));
        }
        return (Encode(tokenizer, history), [.. tokenizer.Encode(answer.Trim()), tokenizer.EndOfTurnId!.Value]);
    }

    /// <summary>The format of LLaDA.</summary>
    internal static List<int> EncodeOwn(LLaDATokenizer tokenizer, IEnumerable<ChatMessage> messages, bool addGenerationPrompt)
    {

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
