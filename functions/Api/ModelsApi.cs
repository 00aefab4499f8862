using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Api;

/// <summary>A model on the wire.</summary>
public sealed record ModelObject(string Id, long Created, string OwnedBy, int ContextLength)
{
    public string Object => "model";

    public static ModelObject From(ModelRecord model) =>
        new(model.Id, model.CreatedAt.ToUnixTimeSeconds(), model.Tenant == ModelRecord.EveryTenant ? "system" : model.Tenant, model.ContextLength);
}

/// <summary><c>/v1/models</c>. Ids may hold colons and slashes.</summary>
internal static class ModelsApi
{
    public static void Map(IEndpointRouteBuilder v1)
    {
        v1.MapGet("/models", ListAsync);
        v1.MapGet("/models/{**id}", GetAsync);
    }

    private static async Task<IResult> ListAsync(HttpContext context, ModelCatalog models)
    {
        var known = await models.ListAsync(context.Tenant(), context.RequestAborted);
        return Json(new ListPage<ModelObject>([.. known.Select(ModelObject.From)], known.FirstOrDefault()?.Id, known.LastOrDefault()?.Id, HasMore: false));
    }

    private static async Task<IResult> GetAsync(string id, HttpContext context, ModelCatalog models)
    {
        var model = await models.FindAsync(context.Tenant(), Uri.UnescapeDataString(id), context.RequestAborted);
        return model is null ? throw ApiException.NotFound($"model: {id}") : Json(ModelObject.From(model));
    }

    private static IResult Json<T>(T value) => Results.Json(value, WireJson.Options);
}
