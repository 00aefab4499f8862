using System.Text.RegularExpressions;
using LLaDA.Diffusion.Text.Templates;

namespace LLaDA.Diffusion.Text;

/// <summary>A model's own chat template with what it is given beside the dialogue.</summary>
internal sealed partial class DialogueTemplate
{
    private readonly JinjaTemplate _template;
    private readonly Map _variables = new() { ["tools"] = null, ["documents"] = null };
    private readonly string _path;

    /// <exception cref="CheckpointException">The template uses what is not computed, or fails on a dialogue of one message.</exception>
    public DialogueTemplate(TokenizerConfig config)
    {
        _path = config.ChatTemplatePath;
        foreach (var (role, token) in config.Named)
            _variables[role] = MarkedText.Structure(token);
        if (config.OtherSpecial.Count > 0)
            _variables["additional_special_tokens"] = config.OtherSpecial.Select(MarkedText.Structure).ToArray();
        try
        {
            _template = new JinjaTemplate(config.ChatTemplate!);
            Opening = TryRender(new ChatMessage("user", "a")) ?? MarkedText.Empty;
        }
        catch (TemplateException exception)
        {
            throw new CheckpointException(_path, $"has a chat template that cannot be used: {exception.Message}");
        }
    }

    /// <summary>What the template writes for one message of a user, up to the place of the answer; empty where it refuses that.</summary>
    public MarkedText Opening { get; }

    /// <summary>Names such as <c>&lt;|im_end|&gt;</c> that the template writes around one message of a user.</summary>
    public IEnumerable<string> Names => TokenName().Matches(Opening.Text)
        .Where(name => Opening.IsStructure(name.Index, name.Index + name.Length)).Select(name => name.Value).Distinct();

    /// <exception cref="FormatException">The template refuses the dialogue or fails on it.</exception>
    public MarkedText Render(IEnumerable<ChatMessage> messages, bool addGenerationPrompt)
    {
        try
        {
            return RenderPlain(messages, addGenerationPrompt);
        }
        catch (DialogueRefusedException exception)
        {
            throw new FormatException($"The model's chat template refuses the dialogue: {exception.Message}", exception);
        }
        catch (TemplateException exception)
        {
            throw new FormatException($"The model's chat template fails on the dialogue: {exception.Message}", exception);
        }
    }

    /// <summary>A dialogue up to its answer, and what the template writes for the answer.</summary>
    /// <exception cref="FormatException">
    /// The template refuses the dialogue, fails on it, or does not show where the answer stands.
    /// </exception>
    public (MarkedText Prompt, MarkedText Answer) RenderAnswered(IReadOnlyList<ChatMessage> history, string answer)
    {
        ChatMessage[] answered = [.. history, new("assistant", answer)];
        var prompt = Render(history, addGenerationPrompt: true);
        var whole = Render(answered, addGenerationPrompt: false);
        const string consequence =
            "so the tokens of the answer are not known: its chat template must be changed before it is fine-tuned on dialogues";
        if (whole.Length <= prompt.Length || !whole.Text.StartsWith(prompt.Text, StringComparison.Ordinal))
        {
            throw new FormatException(
                $"The model's chat template writes a dialogue otherwise once the answer is there, {consequence}");
        }
        if (Render(answered, addGenerationPrompt: true).Length == whole.Length)
        {
            throw new FormatException(
                $"The model's chat template begins a further answer though add_generation_prompt is false, {consequence}");
        }
        return (prompt, whole.Slice(prompt.Length, whole.Length - prompt.Length));
    }

    /// <summary>What the template writes behind the answer of a dialogue of two messages; null where it refuses that.</summary>
    public MarkedText? BehindAnswer()
    {
        const string answer = "b";
        try
        {
            var whole = RenderPlain([new("user", "a"), new("assistant", answer)], addGenerationPrompt: false);
            int end = whole.Text.LastIndexOf(answer, StringComparison.Ordinal);
            while (end >= 0 && whole.IsStructure(end, end + answer.Length))
                end = end == 0 ? -1 : whole.Text.LastIndexOf(answer, end - 1, StringComparison.Ordinal);
            return end < 0 ? null : whole.Slice(end + answer.Length, whole.Length - end - answer.Length);
        }
        catch (TemplateException)
        {
            return null;
        }
    }

    private MarkedText? TryRender(ChatMessage message)
    {
        try
        {
            return RenderPlain([message], addGenerationPrompt: true);
        }
        catch (DialogueRefusedException)
        {
            return null;
        }
    }

    private MarkedText RenderPlain(IEnumerable<ChatMessage> messages, bool addGenerationPrompt)
    {
        object?[] dialogue = [.. messages.Select(message => new Map
        {
            ["role"] = MarkedText.Content(Utf16.WithoutHalves(message.Role)),
            ["content"] = MarkedText.Content(Utf16.WithoutHalves(message.Content)),
        })];
        return _template.Render([.. _variables, new("messages", dialogue), new("add_generation_prompt", addGenerationPrompt)]);
    }

    [GeneratedRegex(@"<\|[^|<>\s]{1,60}\|>|</?role>", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex TokenName();
}
