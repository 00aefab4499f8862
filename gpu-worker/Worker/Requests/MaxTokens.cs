using LLaDA.Batch.Worker.Models;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>The most new tokens that a line asks for.</summary>
/// <param name="Parameter">The parameter that names them.</param>
/// <param name="Value">Null if the line names none.</param>
internal sealed record MaxTokens(string Parameter, int? Value)
{
    /// <param name="names">Synonyms, of which a line may use one; the first is the default.</param>
    /// <exception cref="LineException">Two synonyms are used, or the value is below 1.</exception>
    public static MaxTokens Read(RequestBody body, params string[] names)
    {
        MaxTokens[] given = [.. names.Select(name => new MaxTokens(name, body.Integer(name))).Where(limit => limit.Value is not null)];
        if (given.Length > 1)
        {
            string both = string.Join(" and ", given.Select(limit => limit.Parameter));
            string message = $"{both} cannot be used together; use one of them";
            throw new LineException("invalid_parameter_combination", message, given[0].Parameter);
        }
        var limit = given.FirstOrDefault() ?? new MaxTokens(names[0], Value: null);
        return limit.Value is < 1 ? throw body.Invalid(limit.Parameter, "must be at least 1") : limit;
    }

    /// <summary>The number of new tokens; without a value the default, or less if the context has less room.</summary>
    /// <param name="numGiven">Tokens of the given text.</param>
    /// <exception cref="LineException">The canvas would be longer than the model's context.</exception>
    public int Within(LoadedModel model, int numGiven, int usual)
    {
        int room = model.ContextLength - numGiven;
        int newTokens = Value ?? Math.Min(usual, room);
        return newTokens <= room && room > 0
            ? newTokens
            : throw new LineException(
                "context_length_exceeded",
                $"The given text has {numGiven} tokens and {newTokens} new ones were requested, "
                + $"but the model's context is {model.ContextLength}",
                Parameter);
    }
}
