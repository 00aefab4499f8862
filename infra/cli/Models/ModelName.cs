using System.Text.RegularExpressions;
using LLaDA.Batch.Cli.Terminal;

namespace LLaDA.Batch.Cli.Models;

/// <summary>Valid names of added models and of hardware profiles.</summary>
internal static partial class ModelName
{
    /// <returns>The name itself.</returns>
    /// <remarks>Colons are reserved for the results of fine-tuning jobs.</remarks>
    public static string Require(string name)
    {
        if (NamePattern().IsMatch(name) && !name.Contains("..", StringComparison.Ordinal))
            return name;
        throw new OperatorException(
            $"'{name}' is not a model name: use 1 to 100 letters, digits, dots, hyphens, underscores and slashes, and set it with --name");
    }

    /// <returns>The profile itself.</returns>
    public static string RequireProfile(string profile) => ProfilePattern().IsMatch(profile)
        ? profile
        : throw new OperatorException($"'{profile}' is not a hardware profile: use 1 to 40 lower-case letters, digits and hyphens");

    [GeneratedRegex(
        "^[A-Za-z0-9][A-Za-z0-9._/-]{0,98}[A-Za-z0-9]\\z|^[A-Za-z0-9]\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NamePattern();

    [GeneratedRegex("^[a-z0-9](-?[a-z0-9]){0,39}\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ProfilePattern();
}
